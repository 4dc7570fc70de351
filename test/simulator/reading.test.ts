// Reading back: what a phone shows, how many got a delivery once, twice or never, and which calls were made.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openSimulator, TEXT, userId } from './open-simulator.ts'

test('a phone shows what it got, in order', async () => {
  await using line = await openSimulator()
  await line.multicast([userId(1), userId(2)], { customAggregationUnits: ['summer'] })
  const messages = [{ type: 'text', text: 'Only you' }]
  const { headers } = await line.push(userId(1), { messages })
  expect((await line.call(`/_sim/received?user=${userId(1)}`)).body).toMatchObject([
    { endpoint: 'multicast', unit: 'summer', messages: TEXT },
    { endpoint: 'push', unit: null, messages, requestId: headers['x-line-request-id'] },
  ])
  expect((await line.call(`/_sim/received?user=${userId(3)}`)).body).toEqual([])
})

test('a list is compared with the accepted calls of a unit', async () => {
  await using line = await openSimulator()
  const a = { customAggregationUnits: ['a'] }
  await line.multicast([userId(1), userId(2), userId(9)], a)
  await line.push(userId(2), a)
  await line.push(userId(3), { customAggregationUnits: ['b'] })
  const list = [1, 2, 3, 4, 1].map(userId).join('\n') + '\nU123\n'
  expect((await line.call('/_sim/compare?unit=a', { body: list })).body).toEqual({
    listed: 4,
    once: 1,
    twice: 1,
    never: 2,
    unlisted: 1,
    repeated: 1,
    malformed: 1,
  })
  expect((await line.call('/_sim/report')).body).toMatchObject({
    unit: null,
    recipients: { once: 3, twice: 1, phones: 4 },
    units: [
      { unit: 'a', recipients: { once: 2, twice: 1, phones: 3 }, calls: { accepted: 2 } },
      { unit: 'b', recipients: { once: 1 } },
    ],
  })
  expect((await line.call('/_sim/report?unit=none')).body).toMatchObject({ calls: { accepted: 0 } })
})

test('counts are those of a plain count over the accepted calls', async () => {
  await using line = await openSimulator({ limits: { enabled: false } })
  let round = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 8 }), {
        maxLength: 8,
      }),
      async (calls) => {
        const unit = `round_${++round}`
        const model = new Map<number, number>()
        for (const to of calls) {
          await line.multicast(to.map(userId), { customAggregationUnits: [unit] })
          for (const n of to) model.set(n, (model.get(n) ?? 0) + 1)
        }
        const once = [...model.values()].filter((n) => n === 1).length
        expect((await line.call(`/_sim/report?unit=${unit}`)).body).toMatchObject({
          recipients: { once, twice: model.size - once, phones: model.size },
        })
      },
    ),
    { numRuns: 30 },
  )
})

test('calls are listed with their times, key, recipients and end', async () => {
  await using line = await openSimulator()
  const key = crypto.randomUUID()
  await line.multicast([userId(1), userId(2)], { customAggregationUnits: ['a'] }, key)
  const { body } = await line.call('/_sim/calls?endpoint=multicast')
  expect(body).toMatchObject([
    { status: 200, accepted: true, retryKey: key, recipients: 2, unit: 'a', channelId: 'channel' },
  ])
  const [call] = body as { at: number; answeredAt: number }[]
  expect(call?.answeredAt).toBeGreaterThanOrEqual(call?.at ?? Infinity)
  const later = await line.call(`/_sim/calls?since=${(call?.at ?? 0) + 0.001}&endpoint=multicast`)
  expect(later.body).toEqual([])
})

test('stats count calls by endpoint and status, and can be begun anew', async () => {
  await using line = await openSimulator()
  const key = crypto.randomUUID()
  await line.push(userId(1), {}, key)
  await line.push(userId(1), {}, key)
  await line.push('nobody')
  expect((await line.call('/_sim/stats')).body).toMatchObject({
    endpoints: { push: { calls: 3, accepted: 1, statuses: { 200: 1, 409: 1, 400: 1 } } },
    accepted: 1,
    alreadyAccepted: 1,
    inFlight: 0,
  })
  await line.call('/_sim/stats/reset', { method: 'POST' })
  expect((await line.call('/_sim/stats')).body).toMatchObject({ endpoints: {}, firstCallAt: null })
})
