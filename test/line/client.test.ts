import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createLine, type LineOptions } from '../../line/client.ts'
import { type LinePort, type LineRefusal } from '../../line/port.ts'
import {
  aCall,
  aUserId,
  inTurn,
  json,
  startFakeLine,
  type Answer,
  type FakeLine,
} from './fake-line.ts'

const open: { line: LinePort; fake: FakeLine }[] = []
/** To be passed; long enough for a token and a connection on a busy machine, which are to be had within it. */
const deadlineMs = 2_000

afterEach(async () => {
  for (const { line, fake } of open.splice(0)) {
    await fake[Symbol.asyncDispose]()
    await line.close()
  }
})

async function aLine(
  answer: Answer,
  options: Partial<LineOptions> = {},
): Promise<{ line: LinePort; fake: FakeLine }> {
  const fake = await startFakeLine(answer)
  const line = createLine({
    baseUrl: fake.baseUrl,
    clock: { now: () => Date.now() },
    ...options,
  })
  open.push({ line, fake })
  return { line, fake }
}

const monthly = json(429, { message: 'You have reached your monthly limit.' })
const byPath =
  (answers: Record<string, Answer>): Answer =>
  (response, request) => {
    const answer = answers[request.path] ?? json(404, { message: 'no such path' })
    answer(response, request)
  }

test('an accepted multicast gives LINE’s request id', async () => {
  const { line, fake } = await aLine(json(200, {}))
  expect(await line.send(aCall())).toEqual({ kind: 'accepted', lineRequestId: 'request-1' })
  expect(fake.seen[0]?.path).toBe('/v2/bot/message/multicast')
})

test('a refused port is no connection', async () => {
  const { line, fake } = await aLine(json(200, {}))
  await line.send(aCall())
  await fake[Symbol.asyncDispose]()
  const answer = await line.send(aCall({ lane: 'push', to: [aUserId(1)] }))
  // The pooled connection may still look open for a moment, and then nobody can say; a fresh one can't be made.
  expect(['not-connected', 'in-doubt']).toContain(answer.kind)
  expect((await line.send(aCall())).kind).toBe('not-connected')
})

test('without a token, because its host is away, nothing was sent', async () => {
  const { line, fake } = await aLine(json(200, {}))
  await fake[Symbol.asyncDispose]()
  const answer = await line.send(aCall())
  expect(answer).toMatchObject({ kind: 'not-connected' })
  expect('reason' in answer && answer.reason).toContain('ECONNREFUSED')
})

test.each<[string, Answer]>([
  ['breaks the connection on the request', (response) => response.socket?.destroy()],
  [
    'breaks it after the headers',
    (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.flushHeaders()
      setImmediate(() => response.socket?.destroy())
    },
  ],
  [
    'breaks it in the body',
    (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"sent', () => response.socket?.destroy())
    },
  ],
  ['answers with no HTTP', (response) => response.socket?.end('SMTP 220 hello\r\n\r\n')],
  ['answers 200 with a page', json(200, '<html>hello</html>')],
  ['answers 500', json(500, { message: 'Internal' })],
  ['answers 503', json(503, '')],
  ['answers 409 without an accepted id', json(409, { message: 'conflict' })],
])('a server that %s leaves the call in doubt', async (_what, answer) => {
  const { line, fake } = await aLine(answer)
  expect((await line.send(aCall())).kind).toBe('in-doubt')
  expect(fake.seen).toHaveLength(1)
})

test('a silent server leaves the call in doubt at the deadline, and its socket is closed', async () => {
  const { line, fake } = await aLine(() => undefined, { deadlineMs })
  const answer = await line.send(aCall())
  expect(answer).toMatchObject({ kind: 'in-doubt', lineRequestId: null })
  await fake.seen[0]?.closed
})

test('a server that drips is cut at the deadline too', async () => {
  const { line, fake } = await aLine(
    (response) => {
      response.writeHead(200, { 'x-line-request-id': 'request-1' })
      const drip = setInterval(() => response.write(' '), 20)
      response.socket?.once('close', () => clearInterval(drip))
    },
    { deadlineMs },
  )
  expect((await line.send(aCall())).kind).toBe('in-doubt')
  await fake.seen[0]?.closed
})

test('a call that waits for a connection until its deadline was not sent, and never is', async () => {
  const { line, fake } = await aLine(() => undefined, { deadlineMs, connections: 1 })
  const calls = [1, 2, 3].map((n) => line.send(aCall({ to: [aUserId(n)] })))
  const kinds = (await Promise.all(calls)).map(({ kind }) => kind)
  expect(kinds.sort()).toEqual(['in-doubt', 'not-connected', 'not-connected'])
  await fake.seen[0]?.closed
  fake.answer = json(200, {})
  expect((await line.send(aCall({ to: [aUserId(9)] }))).kind).toBe('accepted')
  expect(
    fake.seen.map(({ body }) => body).filter((body) => body.includes(aUserId(9))),
  ).toHaveLength(1)
  expect(fake.seen).toHaveLength(2)
})

test('a failing TLS handshake is no connection', async () => {
  const server = createServer((socket) => socket.end('this is no TLS'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { createPoster } = await import('../../line/post.ts')
  const poster = createPoster({
    origin: `https://127.0.0.1:${port}`,
    connections: 1,
    connectTimeoutMs: 1000,
  })
  const result = await poster.post({
    path: '/',
    headers: {},
    body: '{}',
    deadlineMs: 2000,
    startBy: Infinity,
  })
  expect(result.kind).toBe('not-sent')
  await poster.close()
  server.close()
})

test('a 409 with an accepted id is accepted earlier', async () => {
  const { line } = await aLine(
    json(409, { message: 'x' }, { 'x-line-accepted-request-id': 'accepted-1' }),
  )
  expect(await line.send(aCall())).toEqual({
    kind: 'accepted-earlier',
    lineRequestId: 'accepted-1',
  })
})

test('after a 401 the same bytes with the same key go out once more with another token', async () => {
  const { line, fake } = await aLine(inTurn(json(401, { message: 'no' }), json(200, {})))
  expect((await line.send(aCall())).kind).toBe('accepted')
  const [first, second] = fake.seen
  expect(second?.body).toBe(first?.body)
  expect(second?.headers['x-line-retry-key']).toBe(first?.headers['x-line-retry-key'])
  expect([first, second].map((request) => request?.headers.authorization)).toEqual([
    'Bearer token-1',
    'Bearer token-2',
  ])
})

test('a second 401 refuses the token', async () => {
  const { line, fake } = await aLine(json(401, { message: 'no' }))
  expect((await line.send(aCall())).kind).toBe('token-refused')
  expect(fake.seen).toHaveLength(2)
})

test('a refused secret refuses the token without a send, and the secret is not in the reason', async () => {
  const { line, fake } = await aLine(json(200, {}))
  fake.token = json(400, { error: 'invalid_client', error_description: 'invalid client_secret' })
  const answer = await line.send(aCall())
  expect(answer.kind).toBe('token-refused')
  expect(JSON.stringify(answer)).not.toContain('the-secret')
  expect(fake.seen).toHaveLength(0)
})

test('a token endpoint that fails for now is the same as no connection', async () => {
  const { line, fake } = await aLine(json(200, {}))
  fake.token = json(503, '')
  expect((await line.send(aCall())).kind).toBe('not-connected')
  fake.token = () => undefined
  const slow = createLine({
    baseUrl: fake.baseUrl,
    deadlineMs: 100,
    clock: { now: () => Date.now() },
  })
  expect((await slow.send(aCall())).kind).toBe('not-connected')
  await slow.close()
  expect(fake.seen).toHaveLength(0)
})

test('403 and 413 refuse the call', async () => {
  const { line, fake } = await aLine(json(403, { message: 'Access denied' }))
  expect((await line.send(aCall())).kind).toBe('call-refused')
  fake.answer = json(413, { message: 'Payload too large' })
  expect((await line.send(aCall())).kind).toBe('call-refused')
})

test('429 for the rate is throttled', async () => {
  const { line } = await aLine(json(429, { message: 'The API rate limit has been exceeded.' }))
  expect((await line.send(aCall())).kind).toBe('throttled')
})

test.each([
  ['quota-reached', { type: 'limited', value: 1000 }, 1000],
  ['quota-reached', { type: 'limited', value: 1000 }, 999],
  ['throttled', { type: 'limited', value: 1000 }, 998],
  ['throttled', { type: 'none' }, 5_000_000],
])('429 for the month is %s where the quota is %j and %i are used', async (kind, quota, used) => {
  const { line } = await aLine(
    byPath({
      '/v2/bot/message/multicast': monthly,
      '/v2/bot/message/quota': json(200, quota),
      '/v2/bot/message/quota/consumption': json(200, { totalUsage: used }),
    }),
  )
  expect((await line.send(aCall())).kind).toBe(kind)
})

test('429 for the month whose quota can’t be read is throttled, and many ask once', async () => {
  const { line, fake } = await aLine(byPath({ '/v2/bot/message/multicast': monthly }))
  const answers = await Promise.all(Array.from({ length: 8 }, () => line.send(aCall())))
  expect(answers.every(({ kind }) => kind === 'throttled')).toBe(true)
  const reads = fake.seen.filter(({ path }) => path === '/v2/bot/message/quota').length
  expect(reads).toBeLessThan(8)
})

test('the quota of a channel is read, and without a limit it is null', async () => {
  const { line, fake } = await aLine(
    byPath({
      '/v2/bot/message/quota': json(200, { type: 'limited', value: 1000 }),
      '/v2/bot/message/quota/consumption': json(200, { totalUsage: 12 }),
    }),
  )
  const { channel } = aCall()
  expect(await line.quota(channel)).toEqual({ limit: 1000, used: 12 })
  fake.answer = byPath({
    '/v2/bot/message/quota': json(200, { type: 'none' }),
    '/v2/bot/message/quota/consumption': json(200, { totalUsage: 12 }),
  })
  expect(await line.quota(channel)).toEqual({ limit: null, used: 12 })
  fake.answer = json(403, { message: 'Access denied' })
  await expect(line.quota(channel)).rejects.toMatchObject({
    name: 'LineRefusal',
    isTemporary: false,
  } satisfies Partial<LineRefusal>)
  fake.answer = json(200, '<html>')
  await expect(line.quota(channel)).rejects.toMatchObject({ isTemporary: true })
})

test('validation gives LINE’s words, or null, on the lane’s own path', async () => {
  const { line, fake } = await aLine(
    inTurn(
      json(200, {}),
      json(400, {
        message: 'The request body has 1 error(s)',
        details: [{ message: 'May not be empty', property: 'messages[0].text' }],
      }),
      json(401, { message: 'no' }),
      json(200, {}),
      json(500, ''),
    ),
  )
  const { channel } = aCall()
  const messages = [{ type: 'text', text: 'x' }]
  expect(await line.validate(channel, 'multicast', messages)).toBeNull()
  expect(await line.validate(channel, 'push', messages)).toBe(
    'The request body has 1 error(s); messages[0].text: May not be empty',
  )
  expect(await line.validate(channel, 'push', messages)).toBeNull()
  await expect(line.validate(channel, 'push', messages)).rejects.toMatchObject({
    isTemporary: true,
  })
  expect(fake.seen.map(({ path }) => path.split('/').pop())).toEqual([
    'multicast',
    'push',
    'push',
    'push',
    'push',
  ])
  expect(fake.seen[0]?.headers['user-agent']).toMatch(/^LFM\/\d/)
})

test('a forgotten channel asks for a new token', async () => {
  const { line, fake } = await aLine(json(200, {}))
  await line.send(aCall())
  await line.send(aCall())
  expect(fake.tokensIssued).toBe(1)
  line.forgetChannel(aCall().channel.lineChannelId)
  await line.send(aCall())
  expect(fake.tokensIssued).toBe(2)
})

test('at most the set number of connections is open', async () => {
  const { line, fake } = await aLine((response) => setTimeout(() => response.end('{}'), 20), {
    connections: 3,
  })
  const ports = new Set<string>()
  const answer = fake.answer
  fake.answer = (response, request) => {
    ports.add(String(response.socket?.remotePort))
    answer(response, request)
  }
  await Promise.all(Array.from({ length: 20 }, () => line.send(aCall())))
  expect(ports.size).toBe(3)
})
