// What splitting costs, counted in the ledger; and keys that were accepted, found again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LedgerRecord } from '../../domain/ledger.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const hourMs = 3_600_000

function record(state: LedgerRecord['state'], more: Partial<LedgerRecord> = {}): LedgerRecord {
  const at = new Date().toISOString()
  const range = { recipients: 1, fromOrdinal: 0, toOrdinal: 1 }
  return { state, ...range, round: 0, generation: 0, at, calls: 1, ...more }
}

test('each part on record is a call that splitting costs, but for a recipient whom LINE named', async () => {
  const { ledger } = opened.store
  const { id } = await opened.delivery()
  const first = await beginAttempt(opened.store, id)
  await ledger.merge(first.batch, {
    '0': record('split'),
    '0/0-1': record('rejected', { calls: 0 }),
    '0/1-4': record('split'),
    '0/1-2': record('rejected'),
    '0/2-4': record('not-accepted', { calls: 0 }),
    '1': record('accepted'),
  })
  const second = await beginAttempt(opened.store, id, { batchNo: 1 })
  await ledger.merge(second.batch, { '20': record('split'), '20/0-1': record('in-doubt') })
  expect(await ledger.splitCost(id, 'multicast')).toEqual({
    calls: 4,
    callsBefore: 0,
    rejected: 2,
    wholeRequests: [],
  })
  // A merge that is repeated, or finds the outcome of a part, counts nothing twice.
  await ledger.merge(first.batch, { '0/2-4': record('accepted') })
  expect(await ledger.splitCalls(id)).toBe(4)
})

test('a budget begins anew where the last pause left it, and never earlier', async () => {
  const { ledger } = opened.store
  const { id } = await opened.delivery()
  const pause = (calls: number, wholeRequests: number[]) =>
    opened.store.deliveries.moveGate(id, 'paused', {
      by: 'LFM',
      why: 'splitting',
      split: { lane: 'multicast', calls, wholeRequests },
    })
  await pause(230, [7])
  // Of two workers that paused it the one that knew of less may come last.
  expect(await pause(210, [])).toMatchObject({ isMoved: false })
  expect(await ledger.splitCost(id, 'multicast')).toMatchObject({
    callsBefore: 230,
    wholeRequests: [7],
  })
})

test('an accepted piece of the lane is found while LINE remembers its key, on its own channel alone', async () => {
  const { ledger } = opened.store
  const { id, channel } = await opened.delivery()
  const other = await opened.delivery()
  const { batch } = await beginAttempt(opened.store, id)
  const find = (lineChannelId = channel.lineChannelId) =>
    ledger.findAccepted(lineChannelId, 'multicast', 23 * hourMs)
  const firstCallAt = (hoursAgo: number) => ({
    firstCallAt: new Date(Date.now() - hoursAgo * hourMs).toISOString(),
  })
  await ledger.merge(batch, {
    '0': record('accepted', firstCallAt(25)),
    '1': record('rejected', firstCallAt(1)),
  })
  expect(await find()).toBeUndefined()
  await ledger.merge(batch, { '2/0-1': record('accepted', firstCallAt(2)) })
  expect(await find()).toMatchObject({ deliveryId: id, name: '2/0-1' })
  expect(await find(other.channel.lineChannelId)).toBeUndefined()
})

test('an accepted piece is found in the latest batches of a delivery, however many it has', async () => {
  const { ledger } = opened.store
  const { id, channel } = await opened.delivery()
  await opened.query(
    `insert into batch (delivery_id, lane, batch_no, plan_attempt, body_digest, recipients, records, accepted, updated_at)
      select $1, 'multicast', n, 'p', 'd', 1, '{}', 1, clock_timestamp() - interval '2 days'
      from generate_series(1, 20000) n`,
    [id],
  )
  const { batch } = await beginAttempt(opened.store, id)
  await ledger.merge(batch, {
    '0': record('accepted', { firstCallAt: new Date().toISOString() }),
  })
  expect(await ledger.findAccepted(channel.lineChannelId, 'multicast', hourMs)).toMatchObject({
    deliveryId: id,
    name: '0',
  })
  // Of all of them those of the time asked for are read, in the order of an index.
  await opened.query('analyze batch')
  const plan = await opened.query(
    `explain (format json) select records from batch
      where delivery_id = $1 and lane = 'multicast' and accepted > 0
        and updated_at > clock_timestamp() - interval '1 hour'
      order by updated_at desc limit 10`,
    [id],
  )
  expect(JSON.stringify(plan)).toContain('batch_accepted')
})
