// Permits: never more calls than the lane's rate, whoever asks, and none where the gate is not open.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Permit } from '../../store/permits.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

/** Longer than a test takes from a permit to what it says of the time that is left. */
const times = { deadlineMs: 30_000, longestWaitMs: 500, lifetimeMs: 60_000 }
/** Calls a second of a lane that has no second permit for the time of a test. */
const slow = 0.01
/** Share of a channel's rate that is spent; see store/channels.ts. */
const paceShare = 0.98

interface Asker {
  deliveryId: string
  lineChannelId: string
  batchNo?: number
  attemptNo?: number
}

function ask(
  { deliveryId, lineChannelId, batchNo = 0, attemptNo = 1 }: Asker,
  calls = 1,
  belowRequest = 20,
) {
  const batch = { deliveryId, lane: 'multicast' as const, batchNo, attemptNo, lineChannelId }
  return opened.store.ledger.takePermit(batch, { calls, belowRequest }, times)
}

/** A batch of a new delivery that has begun. */
async function begin(multicast = 200) {
  const { id, channel } = await opened.delivery({ multicast, push: 0 })
  await beginAttempt(opened.store, id)
  return { deliveryId: id, lineChannelId: channel.lineChannelId, channelId: channel.id }
}

test('however many ask at once, no more calls are permitted than the rate and a burst of a tenth of a second', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 50, max: 200 }),
      fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 12 }),
      async (rate, wanted) => {
        const { id, channel } = await opened.delivery({ multicast: rate, push: 0 })
        const { lineChannelId } = channel
        await Promise.all(
          wanted.map(async (calls, batchNo) => {
            await beginAttempt(opened.store, id, { batchNo })
            let permit: Permit
            do permit = await ask({ deliveryId: id, lineChannelId, batchNo }, calls)
            while (permit.answer === 'wait')
            expect(permit).toMatchObject({
              answer: 'granted',
              callsPerSecond: expect.closeTo(rate * paceShare, 5) as number,
            })
          }),
        )
        // Each batch took one permit, so its start can be read from the instant up to which its calls can last.
        const rows = await opened.query(
          `select batch_no, extract(epoch from calls_end_by)::double precision as ends
            from batch_attempt where delivery_id = $1 order by calls_end_by`,
          [id],
        )
        const permits = rows.map(({ batch_no, ends }) => ({
          at: Number(ends),
          calls: wanted[Number(batch_no)] ?? 0,
        }))
        expect(permits).toHaveLength(wanted.length)
        for (const [i, first] of permits.entries()) {
          let calls = 0
          for (const { at, calls: more } of permits.slice(i)) {
            // What was permitted before this one must have had its time, but for the burst.
            expect(calls / (rate * paceShare)).toBeLessThanOrEqual(at - first.at + 0.1 + 1e-4)
            calls += more
          }
        }
      },
    ),
    { numRuns: 12 },
  )
})

test('a lane that rested permits a burst of a hundredth of a second of its rate, and no more', async () => {
  const asker = await begin(100)
  const first = await ask(asker, 9)
  const second = await ask(asker, 9)
  expect(first).toMatchObject({ answer: 'granted', startInMs: 0 })
  // 18 calls at 98 a second take 184 ms, of which 10 ms are the burst.
  const third = await ask(asker, 200)
  expect([second.answer, third.answer]).toEqual(['granted', 'granted'])
  expect(third.answer === 'granted' && third.startInMs).toBeLessThanOrEqual(174)
})

test('a permit covers half a second of the rate as it is now, and one call at least', async () => {
  expect(await ask(await begin(100), 500)).toMatchObject({ answer: 'granted', calls: 49 })
  expect(await ask(await begin(1), 500)).toMatchObject({ answer: 'granted', calls: 1 })
})

test('a rate that is raised again acts at once, whatever was spent at the old one', async () => {
  const asker = await begin(slow)
  await ask(asker)
  expect((await ask(asker)).answer).toBe('wait')
  await opened.store.channels.setRate(asker.channelId, { multicast: 200 })
  const told = await ask(asker)
  expect(told.answer === 'granted' || (told.answer === 'wait' && told.waitMs < 1_000)).toBe(true)
})

test('a permit that could only start later than the longest wait is not taken', async () => {
  const asker = await begin(slow)
  expect(await ask(asker, 1)).toMatchObject({ answer: 'granted' })
  const before = await opened.query(
    `select spent_until::text from lane_clock where line_channel_id = $1 and lane = 'multicast'`,
    [asker.lineChannelId],
  )
  const told = await ask(asker, 1)
  expect(told.answer).toBe('wait')
  expect(told.answer === 'wait' && told.waitMs).toBeGreaterThan(0)
  expect(
    await opened.query(
      `select spent_until::text from lane_clock where line_channel_id = $1 and lane = 'multicast'`,
      [asker.lineChannelId],
    ),
  ).toEqual(before)
})

test('lanes, and channels, spend rates of their own', async () => {
  const [one, other] = [await begin(slow), await begin(slow)]
  expect(await ask(one, 1)).toMatchObject({ answer: 'granted' })
  expect((await ask(one, 1)).answer).toBe('wait')
  expect(await ask(other, 1)).toMatchObject({ answer: 'granted', startInMs: 0 })
})

test('deliveries of one channel spend its rate together', async () => {
  const { deliveryId, lineChannelId } = await begin(slow)
  const other = await begin(slow)
  expect(await ask({ deliveryId, lineChannelId }, 1)).toMatchObject({ answer: 'granted' })
  expect((await ask({ ...other, lineChannelId }, 1)).answer).toBe('wait')
})

test('from the moment that a pause or a cancel is in the store no permit is given', async () => {
  const asker = await begin()
  const { deliveries } = opened.store
  const facts = { by: 'Mio', why: 'a wrong price' }
  expect(await ask(asker)).toMatchObject({ answer: 'granted' })
  await deliveries.moveGate(asker.deliveryId, 'paused', facts)
  expect(await ask(asker)).toEqual({ answer: 'held', gate: { position: 'paused', seq: 1 } })
  await deliveries.moveGate(asker.deliveryId, 'open', facts)
  expect(await ask(asker)).toMatchObject({ answer: 'granted' })
  await deliveries.moveGate(asker.deliveryId, 'cancelled', facts)
  expect(await ask(asker)).toEqual({ answer: 'held', gate: { position: 'cancelled', seq: 3 } })
})

test('a pause waits for a permit that is being given, so that none comes from before it when it is answered', async () => {
  const asker = await begin()
  const clock = await opened.hold('select from lane_clock where line_channel_id = $1 for update', [
    asker.lineChannelId,
  ])
  // Has seen the open gate, and now waits for the clock.
  const permit = ask(asker)
  await opened.untilBlocked(1)
  const pause = opened.store.deliveries.moveGate(asker.deliveryId, 'paused', { by: 'a', why: 'b' })
  await opened.untilBlocked(2)
  await clock.commit()
  expect(await permit).toMatchObject({ answer: 'granted' })
  expect(await pause).toMatchObject({ isMoved: true })
  expect(await ask(asker)).toMatchObject({ answer: 'held' })
})

test('a rate of 0 stops the lane, and another rate lets it go on', async () => {
  const asker = await begin()
  const { channels } = opened.store
  await channels.setRate(asker.channelId, { multicast: 0 })
  expect(await ask(asker)).toEqual({ answer: 'stopped' })
  await channels.setRate(asker.channelId, { multicast: 50 })
  expect(await ask(asker)).toMatchObject({ answer: 'granted', callsPerSecond: 49 })
})

test('a channel that nobody registered is stopped', async () => {
  const asker = await begin()
  expect(await ask({ ...asker, lineChannelId: '42' })).toEqual({ answer: 'stopped' })
})

test('an attempt that was superseded gets no permit, the later one does', async () => {
  const asker = await begin()
  await beginAttempt(opened.store, asker.deliveryId)
  expect(await ask({ ...asker, attemptNo: 1 })).toEqual({ answer: 'superseded' })
  expect(await ask({ ...asker, attemptNo: 2 })).toMatchObject({ answer: 'granted' })
})

test('a later attempt that begins while a permit is being given is told of the calls under it', async () => {
  const asker = await begin()
  const clock = await opened.hold('select from lane_clock where line_channel_id = $1 for update', [
    asker.lineChannelId,
  ])
  // Has seen that it is the last attempt, and now waits for the clock.
  const permit = ask(asker)
  await opened.untilBlocked(1)
  const later = beginAttempt(opened.store, asker.deliveryId)
  await opened.untilBlocked(2)
  await clock.commit()
  expect(await permit).toMatchObject({ answer: 'granted' })
  expect((await later).earlierCallsEndInMs).toBeGreaterThan(times.deadlineMs)
})

test('a later attempt is told how long calls of an earlier one can last: the permit life and one deadline', async () => {
  const asker = await begin()
  const { store } = opened
  expect((await beginAttempt(store, asker.deliveryId)).earlierCallsEndInMs).toBeLessThanOrEqual(0)
  expect(await ask({ ...asker, attemptNo: 2 })).toMatchObject({ answer: 'granted', startInMs: 0 })
  const { attemptNo, earlierCallsEndInMs } = await beginAttempt(store, asker.deliveryId)
  expect(attemptNo).toBe(3)
  const most = times.lifetimeMs + times.deadlineMs
  expect(earlierCallsEndInMs).toBeGreaterThan(0)
  expect(earlierCallsEndInMs).toBeLessThanOrEqual(most)
  const endsIn = await store.ledger.callsEndInMs(asker.deliveryId)
  expect(endsIn).toBeGreaterThan(0)
  expect(endsIn).toBeLessThanOrEqual(earlierCallsEndInMs)
})

test('an attempt is told below which request the permits of each earlier one were', async () => {
  const asker = await begin()
  const { store } = opened
  const key = { deliveryId: asker.deliveryId, lane: 'multicast' as const, batchNo: 0 }
  await ask(asker, 1, 7)
  await ask(asker, 1, 3)
  expect((await beginAttempt(store, asker.deliveryId)).calledBelow).toEqual([7])
  // Refused, so it is for nothing.
  await ask({ ...asker, attemptNo: 1 }, 1, 20)
  expect((await beginAttempt(store, asker.deliveryId)).calledBelow).toEqual([7, 0])
  expect(await store.ledger.calledBelow(key)).toEqual([7, 0, 0])
})

test('who does not say for which requests a permit is may have called all', async () => {
  const { deliveryId, lineChannelId } = await begin()
  await opened.query(
    `select take_permit($1::uuid, 'multicast', 0, 1, $2, 1, 10000::double precision,
      500::double precision, 1000::double precision)`,
    [deliveryId, lineChannelId],
  )
  const { calledBelow } = await beginAttempt(opened.store, deliveryId)
  expect(calledBelow).toEqual([2 ** 31 - 1])
})
