// Retry keys: what LINE remembers, for how long, and what a sender must not do with them.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRetryKeys, KEY_MEMORY_MS } from '../../simulator/retry-keys.ts'
import { openSimulator, until, userId, type OpenSimulator } from './open-simulator.ts'

const kinds = async (line: OpenSimulator) => {
  const { body } = await line.call('/_sim/violations')
  return (body as { byKind: Record<string, number> }).byKind
}
const advance = (line: OpenSimulator, hours: number) =>
  line.call('/_sim/clock', { body: { advanceMs: hours * 3_600_000 } })
const phones = async (line: OpenSimulator) =>
  ((await line.call('/_sim/report')).body as { recipients: object }).recipients

test('a second call with an accepted key is answered 409 with the accepted id', async () => {
  await using line = await openSimulator()
  const key = randomUUID()
  const first = await line.push(userId(1), {}, key)
  const second = await line.push(userId(1), {}, key)
  expect(second.status).toBe(409)
  expect(second.headers['x-line-accepted-request-id']).toBe(first.headers['x-line-request-id'])
  expect(second.headers['x-line-request-id']).not.toBe(first.headers['x-line-request-id'])
  expect(second.body).toEqual({
    message: 'The retry key is already accepted',
    ...(first.body as object),
  })
  expect(await phones(line)).toEqual({ once: 1, twice: 0, phones: 1 })
  expect(await kinds(line)).toEqual({})
})

test('the letters of a key may be of either case', async () => {
  await using line = await openSimulator()
  const key = randomUUID()
  await line.push(userId(1), {}, key)
  expect((await line.push(userId(1), {}, key.toUpperCase())).status).toBe(409)
})

test('a key is forgotten after 24 hours, and then the same call goes out again', async () => {
  await using line = await openSimulator()
  const key = randomUUID()
  await line.multicast([userId(1)], {}, key)
  await advance(line, 23.9)
  // Tokens have aged with the clock.
  const { body } = await line.newToken('channel', 'secret')
  const send = (token: unknown) =>
    line.call('/v2/bot/message/multicast', {
      body: { to: [userId(1)], messages: [{ type: 'text', text: 'Hello' }] },
      headers: {
        authorization: `Bearer ${String(token)}`,
        'content-type': 'application/json',
        'x-line-retry-key': key,
      },
    })
  expect((await send((body as { access_token: string }).access_token)).status).toBe(409)
  await advance(line, 0.2)
  const later = await line.newToken('channel', 'secret')
  expect((await send((later.body as { access_token: string }).access_token)).status).toBe(200)
  expect(await phones(line)).toEqual({ once: 0, twice: 1, phones: 1 })
  expect(await kinds(line)).toEqual({ 'retry-key-after-24-hours': 1 })
})

test('the same key with another body or at another endpoint is a violation', async () => {
  await using line = await openSimulator()
  const key = randomUUID()
  await line.multicast([userId(1)], {}, key)
  expect((await line.multicast([userId(2)], {}, key)).status).toBe(409)
  expect((await line.push(userId(1), {}, key)).status).toBe(409)
  expect(await kinds(line)).toEqual({ 'retry-key-other-body': 2 })
})

test('two channels have their own keys', async () => {
  await using line = await openSimulator()
  const key = randomUUID()
  await line.push(userId(1), {}, key)
  const { body } = await line.newToken('another', 'secret')
  const answer = await line.line('/v2/bot/message/push', {
    body: { to: userId(1), messages: [{ type: 'text', text: 'Hello' }] },
    headers: {
      authorization: `Bearer ${(body as { access_token: string }).access_token}`,
      'x-line-retry-key': key,
    },
  })
  expect(answer.status).toBe(200)
})

test('a key that is no UUID is refused, and a call without one is warned of', async () => {
  await using line = await openSimulator()
  expect((await line.push(userId(1), {}, 'not-a-uuid')).status).toBe(400)
  expect((await line.push(userId(1), {}, '')).status).toBe(200)
  expect(await kinds(line)).toEqual({ 'no-retry-key': 1 })
})

const slow = { on: 'push', do: 'slow', when: { nth: 1 }, ms: 600_000 }
const inFlight = (line: OpenSimulator) =>
  until(
    async () => (await line.call('/_sim/faults')).body as { fired: number }[],
    ([fault]) => fault?.fired === 1,
  )

test('a key that comes again while its first call is unanswered is a violation', async () => {
  await using line = await openSimulator()
  await line.call('/_sim/faults', { body: slow })
  const key = randomUUID()
  const first = line.push(userId(1), {}, key).catch(() => 'closed with the simulator')
  await inFlight(line)
  expect((await line.push(userId(1), {}, key)).status).toBe(200)
  expect(await kinds(line)).toEqual({ 'key-in-flight-twice': 1 })
  await line[Symbol.asyncDispose]()
  expect(await first).toBe('closed with the simulator')
})

test('a sender that closes its socket may call again at once', async () => {
  await using line = await openSimulator()
  await line.call('/_sim/faults', { body: slow })
  const key = randomUUID()
  const stop = new AbortController()
  const options = {
    body: { to: userId(1), messages: [{ type: 'text', text: 'Hello' }] },
    headers: { 'x-line-retry-key': key },
  }
  const first = line.line('/v2/bot/message/push', { ...options, signal: stop.signal })
  await inFlight(line)
  stop.abort()
  await expect(first).rejects.toThrow()
  expect((await line.line('/v2/bot/message/push', options)).status).toBe(200)
  expect(await kinds(line)).toEqual({})
})

test('the store remembers keys as a plain map with expiry does', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 5 }),
    body: fc.integer({ min: 0, max: 1 }),
    accept: fc.boolean(),
    hours: fc.integer({ min: 0, max: 13 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const keys = createRetryKeys()
      const model = new Map<number, { at: number; body: number; seq: number }>()
      let now = 1
      steps.forEach(({ key, body, accept, hours }, i) => {
        now += hours * 3_600_000
        const known = model.get(key)
        const alive = known !== undefined && now - known.at < KEY_MEMORY_MS
        const expected = alive ? known : { at: now, body, seq: 0 }
        model.set(key, expected)
        const memory = keys.touch(`00000000-0000-4000-8000-00000000000${key}`, body, 0, now)
        expect(memory.acceptedSeq).toBe(expected.seq)
        expect(memory.sameBody).toBe(expected.body === body)
        if (accept && expected.seq === 0) {
          expected.seq = i + 1
          memory.accept(i + 1, now, 'firstCall')
        }
      })
    }),
  )
})
