// Rate limits and quota: when LINE says 429, and that nothing has then happened.
import { expect, test } from 'vitest'
import { createTokenBucket } from '../../simulator/token-bucket.ts'
import { openSimulator, TEXT, userId } from './open-simulator.ts'

test('a bucket gives its capacity at once and then its rate', () => {
  const bucket = createTokenBucket()
  const taken = (from: number, to: number) => {
    let n = 0
    for (let ms = from; ms < to; ms++) if (bucket.take(ms, 200, 100)) n++
    return n
  }
  expect(bucket.take(0, 200, 100)).toBe(true)
  for (let i = 1; i < 100; i++) bucket.take(0, 200, 100)
  expect(bucket.take(0, 200, 100)).toBe(false)
  expect(taken(1, 1001)).toBe(200)
})

// A rate this low refills nothing while a test runs; the burst is one call.
const oneCall = { multicastPerSecond: 0.001, pushPerSecond: 0.001, burstSeconds: 1000 }

test('a call over the rate is refused and reaches nobody, and its key stays good', async () => {
  await using line = await openSimulator({ limits: oneCall })
  const key = crypto.randomUUID()
  expect((await line.multicast([userId(1)])).status).toBe(200)
  expect(await line.multicast([userId(1)], {}, key)).toMatchObject({
    status: 429,
    body: { message: 'The API rate limit has been exceeded. Try again later.' },
  })
  await line.call('/_sim/settings', { method: 'PATCH', body: { limits: { enabled: false } } })
  expect((await line.multicast([userId(1)], {}, key)).status).toBe(200)
  expect((await line.call('/_sim/violations')).body).toMatchObject({
    byKind: { 'rate-exceeded': 1 },
  })
})

test('endpoints and channels have limits of their own', async () => {
  await using line = await openSimulator({ limits: oneCall })
  expect((await line.multicast([userId(1)])).status).toBe(200)
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.push(userId(1))).status).toBe(429)
  const { body } = await line.newToken('another', 'secret')
  const answer = await line.line('/v2/bot/message/push', {
    body: { to: userId(1), messages: TEXT },
    headers: { authorization: `Bearer ${(body as { access_token: string }).access_token}` },
  })
  expect(answer.status).toBe(200)
})

test('a channel may be given limits and a quota of its own', async () => {
  await using line = await openSimulator({ limits: oneCall })
  await line.call('/_sim/channels', {
    body: {
      channelId: 'channel',
      channelSecret: 'secret',
      limits: { enabled: false },
      quota: { type: 'limited', value: 2 },
    },
  })
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.push(userId(1))).body).toEqual({
    message: 'You have reached your monthly limit.',
  })
})

test('a multicast over what is left of the quota is refused whole', async () => {
  await using line = await openSimulator({ quota: { type: 'limited', value: 3 } })
  expect((await line.multicast([userId(1), userId(2)])).status).toBe(200)
  expect(await line.multicast([userId(3), userId(4)])).toMatchObject({
    status: 429,
    body: { message: 'You have reached your monthly limit.' },
  })
  expect((await line.line('/v2/bot/message/quota')).body).toEqual({ type: 'limited', value: 3 })
  expect((await line.line('/v2/bot/message/quota/consumption')).body).toEqual({ totalUsage: 2 })
  expect((await line.push(userId(3))).status).toBe(200)
})

test('the quota begins anew with the month', async () => {
  await using line = await openSimulator({ quota: { type: 'limited', value: 1 } })
  const key = crypto.randomUUID()
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.push(userId(2), {}, key)).status).toBe(429)
  await line.call('/_sim/clock', { body: { advanceMs: 31 * 24 * 3_600_000 } })
  const { body } = await line.newToken('channel', 'secret')
  const answer = await line.line('/v2/bot/message/push', {
    body: { to: userId(2), messages: TEXT },
    headers: { authorization: `Bearer ${(body as { access_token: string }).access_token}` },
  })
  expect(answer.status).toBe(200)
})
