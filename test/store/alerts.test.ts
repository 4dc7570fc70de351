// Alerts and what they are judged by: raised once whoever finds them, sent once, cleared when they are over.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Finding } from '../../domain/alert.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const since = new Date('2026-11-24T03:00:00Z')
const stalled: Finding = { kind: 'stalled', detail: 'LINE: LINE answered 503.', since }
const pausedByLfm: Finding = { kind: 'paused-by-lfm', detail: 'an operator: a reason', since }

async function kindsOf(id: string): Promise<string[]> {
  const events = await opened.store.deliveries.events(id)
  return events.map(({ kind }) => kind).filter((kind) => kind.startsWith('alert'))
}

test('findings that meet raise one alert, and looks that meet again clear it once', async () => {
  const { alerts } = opened.store
  const { id } = await opened.delivery()
  const raised = await Promise.all(Array.from({ length: 8 }, () => alerts.settle(id, [stalled])))
  expect(raised.flatMap((settled) => settled.raised)).toEqual([stalled])
  expect(await alerts.open(id)).toMatchObject([stalled])
  const cleared = await Promise.all(Array.from({ length: 8 }, () => alerts.settle(id, [])))
  expect(cleared.flatMap((settled) => settled.cleared)).toEqual(['stalled'])
  expect(await alerts.open(id)).toEqual([])
  expect(await kindsOf(id)).toEqual(['alert raised', 'alert cleared'])
})

test('an alert that goes on with another reason is the same alert; another pause by LFM is another one', async () => {
  const { alerts } = opened.store
  const { id } = await opened.delivery()
  await alerts.settle(id, [stalled, pausedByLfm])
  const other = { ...stalled, detail: 'LINE: LINE answered 500.', since: new Date() }
  expect(await alerts.settle(id, [other, pausedByLfm])).toEqual({ raised: [], cleared: [] })
  expect(await alerts.open(id)).toMatchObject([{ detail: other.detail, since }, pausedByLfm])
  const again = { ...pausedByLfm, since: new Date() }
  expect(await alerts.settle(id, [other, again])).toEqual({
    raised: [again],
    cleared: ['paused-by-lfm'],
  })
})

test('what a delivery left open when it ended is cleared', async () => {
  const { alerts, deliveries } = opened.store
  const { id } = await opened.delivery()
  await alerts.settle(id, [stalled])
  await alerts.clearEnded()
  expect(await alerts.open(id)).toHaveLength(1)
  await deliveries.end(id, 'cancelled', { account: null })
  await alerts.clearEnded()
  expect(await alerts.open(id)).toEqual([])
})

test('an alert to send is given to one taker at a time, so often and no more, until it is sent or over', async () => {
  const { alerts } = opened.store
  const own = await openStore()
  try {
    const { id } = await own.delivery()
    const { id: over } = await own.delivery()
    const take = (forMs: number) => own.store.alerts.takeToSend({ most: 3, forMs })
    await own.store.alerts.settle(over, [stalled])
    await own.store.alerts.settle(over, [])
    await own.store.alerts.settle(id, [stalled])
    const taken = await Promise.all(Array.from({ length: 5 }, () => take(60_000)))
    expect(taken.filter((alert) => alert !== undefined)).toMatchObject([
      { deliveryId: id, kind: 'stalled' },
    ])
    await own.query(`update alert set send_after = clock_timestamp()`)
    expect([await take(0), await take(0), await take(0)]).toMatchObject([
      { deliveryId: id },
      { deliveryId: id },
      undefined,
    ])
    await own.store.alerts.settle(id, [stalled, pausedByLfm])
    const other = await take(0)
    expect(other).toMatchObject({ kind: 'paused-by-lfm' })
    await own.store.alerts.setSent(other?.id ?? 0)
    expect(await take(0)).toBeUndefined()
  } finally {
    await own[Symbol.asyncDispose]()
  }
  expect(await alerts.countOpen()).toMatchObject({ stalled: 1 })
})

test('one process has the watch, until it has not kept it for a while', async () => {
  const { alerts } = opened.store
  expect(await alerts.keepWatch('one', 60_000)).toBe(true)
  expect(await alerts.keepWatch('other', 60_000)).toBe(false)
  expect(await alerts.keepWatch('one', 0)).toBe(true)
  expect(await alerts.keepWatch('other', 60_000)).toBe(true)
  expect(await alerts.keepWatch('one', 60_000)).toBe(false)
})

async function factsOf(id: string) {
  const delivery = await opened.store.deliveries.find(id)
  if (!delivery) throw new Error('The delivery is gone.')
  return (await opened.store.standings.read(delivery)).facts
}

const answer = (state: 'accepted' | 'in-doubt', reason?: string) => ({
  state,
  recipients: 500,
  fromOrdinal: 0,
  toOrdinal: 500,
  round: 0,
  generation: 0,
  at: '2026-01-01T00:00:00.000Z',
  ...(reason !== undefined && { reason }),
})

test('progress is an outcome and not a merge; a reason is the commonest of those without one', async () => {
  const { deliveries, ledger, plans } = opened.store
  const { id } = await opened.delivery()
  await plans.commit(id, {
    attempt: 'p',
    digest: 'd',
    audience: { segmentRows: 2_000, malformed: 0, duplicates: 0, excluded: 0, planned: 2_000 },
    lanes: {
      multicast: { requests: 4, recipients: 2_000, batchRecipients: [2_000] },
      push: { requests: 0, recipients: 0, batchRecipients: [] },
    },
  })
  await deliveries.setPhase(id, 'sending')
  const { batch } = await beginAttempt(opened.store, id, { recipients: 2_000 })
  const doubts = {
    1: answer('in-doubt', 'LINE answered 503.'),
    2: answer('in-doubt', 'LINE answered 503.'),
    3: answer('in-doubt', 'No answer.'),
  }
  await ledger.merge(batch, doubts)
  expect(await factsOf(id)).toMatchObject({ done: 0, lastOutcomeAt: null, unanswered: null })
  await ledger.merge(batch, { 0: answer('accepted') })
  const { lastOutcomeAt } = await factsOf(id)
  expect(lastOutcomeAt).not.toBeNull()
  await ledger.merge(batch, doubts)
  await plans.setNextRound(id, 1, 60_000)
  const facts = await factsOf(id)
  expect(facts).toMatchObject({
    planned: 2_000,
    done: 500,
    accepted: 500,
    lastOutcomeAt,
    unanswered: 'LINE answered 503.',
    lanes: [{ lane: 'multicast', left: 1_500, rate: 200, pace: 196 }],
    round: { no: 1, lastBeganAt: facts.phaseAt },
  })
  expect(facts.lastNewsAt?.getTime()).toBeGreaterThan(lastOutcomeAt?.getTime() ?? 0)
})

test('a phase told again is no new one, and a round that begins keeps when the one before it began', async () => {
  const { deliveries, plans } = opened.store
  const { id } = await opened.delivery()
  await deliveries.setPhase(id, 'sending')
  const { phaseAt } = await factsOf(id)
  await deliveries.setPhase(id, 'sending')
  expect((await factsOf(id)).phaseAt).toEqual(phaseAt)
  await plans.setNextRound(id, 1, 60_000)
  await plans.setNextRound(id, 1, 0)
  const begun = (await factsOf(id)).round
  expect(begun).toMatchObject({ no: 1, lastBeganAt: phaseAt })
  await plans.setNextRound(id, 2, 60_000)
  expect((await factsOf(id)).round).toMatchObject({ no: 2, lastBeganAt: begun?.at })
})
