// What bad input gets: a problem document that says what is wrong and where.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { offsetOfMistake, parseJson } from '../../api/json-text.ts'
import { problemKinds } from '../../api/problem.ts'
import { isStoreAway, toProblem } from '../../api/refusals.ts'
import { routes } from '../../api/routes/all.ts'
import { LineRefusal } from '../../line/port.ts'
import { createStore } from '../../store/store.ts'
import { aChannel, aSegment, startApi, type TestApi, token } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const json = { 'content-type': 'application/json' }
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json) =>
  api.raw('/api/v1/segments', { method: 'POST', body, headers })

async function document(res: Response): Promise<Record<string, unknown>> {
  expect(res.headers.get('content-type')).toContain('application/problem+json')
  const body = (await res.json()) as Record<string, unknown>
  expect(body.instance).toBe(`urn:uuid:${res.headers.get('x-request-id') ?? ''}`)
  return body
}

describe('without a token that is let in', () => {
  test.each(routes.map((route) => [route.method.toUpperCase(), route.path] as const))(
    '%s %s answers 401',
    async (method, path) => {
      const url = `/api/v1${path.replace('{id}', '00000000-0000-4000-8000-000000000000')}`
      for (const authorization of ['', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`]) {
        const res = await api.raw(url, { method, headers: { authorization } })
        expect(res.status).toBe(401)
        expect(res.headers.get('www-authenticate')).toMatch(/^Bearer/)
        expect(await document(res)).toMatchObject({ type: '/problems/unauthenticated' })
      }
    },
  )

  test('a path below /api/v1 that does not exist says no more than one that does', async () => {
    const res = await fetch(`${api.url}/api/v1/nothing`)
    expect(res.status).toBe(401)
  })

  test('health, the OpenAPI document, the documentation and the kinds of problems are open', async () => {
    for (const path of ['/healthz', '/readyz', '/api/v1/openapi.json', '/docs']) {
      expect((await fetch(`${api.url}${path}`)).status).toBe(200)
    }
    for (const [kind, { explanation }] of Object.entries(problemKinds)) {
      const res = await fetch(`${api.url}/problems/${kind}`)
      expect(res.status).toBe(200)
      expect(
        (await res.text())
          .replaceAll('&#39;', "'")
          .replaceAll('&#60;', '<')
          .replaceAll('&#62;', '>'),
      ).toContain(explanation)
    }
    expect((await fetch(`${api.url}/problems/none`)).status).toBe(404)
  })
})

describe('a body', () => {
  test('that is no JSON is refused with line and column, and is not repeated', async () => {
    const body = await document(await post('{\n  "name": "x",\n  "sql": secret\n}'))
    expect(body).toMatchObject({ status: 400, type: '/problems/invalid-json' })
    expect(body.detail).toBe('The body stops being JSON at line 3, column 10.')
  })

  test('that ends early is refused at its end', async () => {
    const body = await document(await post('{"name": "x"'))
    expect(body.detail).toBe('The body stops being JSON at line 1, column 13.')
  })

  test('that is not UTF-8 is refused', async () => {
    const body = await document(await post(new Uint8Array([0x22, 0xff, 0x22])))
    expect(body).toMatchObject({ status: 400, detail: 'The body is not UTF-8 text.' })
  })

  test.each([
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=shift_jis' },
  ])('of another type is refused: %j', async (headers) => {
    const body = await document(await post('{}', headers))
    expect(body).toMatchObject({ status: 415, type: '/problems/unsupported-media-type' })
  })

  test('in an encoding that is not read is refused', async () => {
    const body = await document(await post('{}', { ...json, 'content-encoding': 'compress' }))
    expect(body).toMatchObject({ status: 415 })
  })

  test('above 1 MB is refused', async () => {
    const body = await document(await post(JSON.stringify({ name: 'x'.repeat(1_048_576) })))
    expect(body).toMatchObject({ status: 413, type: '/problems/too-large' })
  })

  test('with unknown fields is refused with the nearest known names', async () => {
    const { lineChannelId, channelSecret } = aChannel()
    const refused = await api.call('POST', '/channels', {
      lineChannelId,
      channelSecret,
      nmae: 'x',
      callsPerSecond: { multcast: 1 },
    })
    expect(refused.status).toBe(422)
    expect(refused.body.errors).toEqual(
      expect.arrayContaining([
        { pointer: '/name', detail: '"name" is missing; it must be a string.' },
        { pointer: '/nmae', detail: '"nmae" is not known here; did you mean "name"?' },
        {
          pointer: '/callsPerSecond/multcast',
          detail: '"callsPerSecond.multcast" is not known here; did you mean "multicast"?',
        },
      ]),
    )
  })

  test('with wrong types is refused with pointers to all of them', async () => {
    const refused = await api.call('POST', '/campaigns', {
      name: 5,
      channelId: null,
      contentId: [],
      segmentId: {},
      priority: 1.5,
    })
    const { errors } = refused.body
    expect(errors).toContainEqual({
      pointer: '/name',
      detail: '"name" must be a string, not a number.',
    })
    expect(errors).toContainEqual({
      pointer: '/channelId',
      detail: '"channelId" must be a string, not null.',
    })
    expect(errors).toContainEqual({
      pointer: '/contentId',
      detail: '"contentId" must be a string, not an array.',
    })
    expect(errors).toContainEqual({
      pointer: '/segmentId',
      detail: '"segmentId" must be a string, not an object.',
    })
    expect(errors).toContainEqual({
      pointer: '/priority',
      detail: '"priority" must be a whole number, not a number.',
    })
  })

  test.each(['[]', '"text"', 'null', '1'])('that is %s, no object, is refused', async (text) => {
    expect(await document(await post(text))).toMatchObject({
      status: 422,
      errors: [{ pointer: '' }],
    })
  })

  test('with a text that is too short is told so in words that agree', async () => {
    const path = '/deliveries/00000000-0000-4000-8000-000000000000/pause'
    const refused = await api.call('POST', path, { why: '' })
    expect(refused.body.detail).toBe('"why" must have at least 1 character.')
    const long = await api.call('POST', path, { why: 'x'.repeat(501) })
    expect(long.body.detail).toBe('"why" must have at most 500 characters.')
  })

  test('that is absent has its missing fields named', async () => {
    const body = await document(await api.raw('/api/v1/segments', { method: 'POST' }))
    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/name' }, { pointer: '/sql' }] })
  })

  test.each(['a\\u0000b', '\\ud800'])(
    'with text that PostgreSQL cannot hold is refused: %s',
    async (text) => {
      const body = await document(await post(`{"name":"${text}","sql":"select 1"}`))
      expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/name' }] })
    },
  )

  test('nested as deep as can be is refused, not fatal', async () => {
    const deep = 100_000
    const body = await document(await post(`${'['.repeat(deep)}${']'.repeat(deep)}`))
    expect(body).toMatchObject({ status: 422, type: '/problems/invalid-body' })
    const open = await document(await post('['.repeat(deep)))
    expect(open).toMatchObject({ status: 400, type: '/problems/invalid-json' })
  })

  test('with a field named __proto__ has it refused like any other', async () => {
    const body = await document(await post('{"__proto__": {}, "name": "x", "sql": "select 1"}'))
    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/__proto__' }] })
  })
})

test('whatever JSON.parse refuses is refused at an offset within the text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.json(), fc.string()),
      fc.nat(),
      fc.string({ maxLength: 2 }),
      (text, at, put) => {
        const cut = at % (text.length + 1)
        const changed = text.slice(0, cut) + put + text.slice(cut + 1)
        let isJson = true
        try {
          JSON.parse(changed)
        } catch {
          isJson = false
        }
        const offset = offsetOfMistake(changed)
        // What stands before the mistake is the beginning of JSON; the whole of it only where there is no mistake.
        if (isJson) expect(offset).toBe(changed.length)
        else expect(() => parseJson(changed)).toThrow(/line \d+, column \d+/)
        expect(offset).toBeLessThanOrEqual(changed.length)
      },
    ),
  )
})

describe('a request', () => {
  test('with a method that a path does not have is told the methods', async () => {
    const res = await api.raw('/api/v1/segments', { method: 'DELETE' })
    expect(res.headers.get('allow')).toBe('POST, GET')
    expect(await document(res)).toMatchObject({ status: 405, type: '/problems/method-not-allowed' })
  })

  test.each(['/api/v1/nothing', '/nothing', '/api/v1/deliveries/%E0%A4%A'])(
    'to %s is not found',
    async (path) => {
      const body = await document(await api.raw(path))
      expect(body.type).toMatch(/not-found|invalid-json/)
    },
  )

  test('for an id that is none is told so', async () => {
    const refused = await api.call('GET', '/channels/nope')
    expect(refused).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
    expect(refused.body.detail).toBe('"nope" is no id: an id is a UUID, as the API gave it.')
  })

  test.each([
    ['limit=abc', 'limit'],
    ['limit=0', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limt=5', 'limt'],
    ['campaignId=x', 'campaignId'],
  ])('with the query %s is refused by the name of the parameter', async (query, parameter) => {
    const refused = await api.call('GET', `/deliveries?${query}`)
    expect(refused).toMatchObject({
      status: 400,
      body: { type: '/problems/invalid-query', errors: [{ parameter }] },
    })
  })

  test('is logged by its route, without what was in it', async () => {
    await api.call('POST', '/segments', { ...aSegment(), name: 'Unmistakable' })
    const line = api.logged.findLast((one) => one.includes('"status":201')) ?? '{}'
    expect(JSON.parse(line)).toMatchObject({
      method: 'POST',
      route: '/api/v1/segments',
      status: 201,
    })
    expect(api.logged.join('')).not.toMatch(new RegExp(`Unmistakable|${token}`))
  })
})

test('a store that is away is said to be away, also by readiness', async () => {
  const store = createStore({
    databaseUrl: 'postgres://lfm:lfm@127.0.0.1:1/lfm',
    secretKey: randomBytes(32),
  })
  await using away = await startApi({ store })
  const res = await away.raw('/api/v1/channels')
  expect(res.headers.get('retry-after')).toBe('5')
  expect(await document(res)).toMatchObject({ status: 503, type: '/problems/store-away' })
  const ready = await away.raw('/readyz')
  expect(ready.status).toBe(503)
  expect(await ready.json()).toEqual({
    status: 'not ready',
    parts: { store: 'away', temporal: 'up' },
  })
  expect((await away.raw('/healthz')).status).toBe(200)
  await store.close()
})

test('readiness says that Temporal is away and does not depend on it', async () => {
  api.workflows.isAway = true
  const ready = await api.raw('/readyz')
  api.workflows.isAway = false
  expect(ready.status).toBe(200)
  expect(await ready.json()).toEqual({ status: 'ready', parts: { store: 'up', temporal: 'away' } })
})

test('every error that no one foresaw tells nothing of itself', () => {
  const { kind, message } = toProblem(new Error('password=1'))
  expect(kind).toBe('internal')
  expect(message).not.toContain('password')
  expect(toProblem(new LineRefusal('LINE refused the channel.', false)).kind).toBe('line-refused')
  expect(isStoreAway(Object.assign(new Error('x'), { code: '57P01' }))).toBe(true)
  expect(isStoreAway(Object.assign(new Error('x'), { code: '23505' }))).toBe(false)
})
