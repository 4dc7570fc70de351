// Failures are counted by the batches themselves, whoever writes to them and however often.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LedgerRecord } from '../../domain/ledger.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const record = (state: LedgerRecord['state'], recipients: number): LedgerRecord => ({
  state,
  recipients,
  fromOrdinal: 0,
  toOrdinal: recipients,
  round: 0,
  generation: 0,
  at: new Date(0).toISOString(),
  reason: `because it is ${state}`,
})

async function plannedDelivery() {
  const { id } = await opened.delivery()
  await opened.store.plans.commit(id, {
    attempt: 'p',
    digest: 'd',
    lanes: {
      multicast: { requests: 40, recipients: 2_000, batchRecipients: [1_000, 1_000] },
      push: { requests: 0, recipients: 0, batchRecipients: [] },
    },
    audience: { segmentRows: 2_000, malformed: 0, duplicates: 0, excluded: 0, planned: 2_000 },
  })
  return id
}

test('failures of batches that are merged at once, again and corrected are counted once', async () => {
  const { ledger, failures } = opened.store
  const id = await plannedDelivery()
  expect(await failures.find(id)).toBeUndefined()
  const one = await beginAttempt(opened.store, id)
  const other = await beginAttempt(opened.store, id, { batchNo: 1 })
  await Promise.all(
    [one, other, one, other].map(({ batch }) =>
      ledger.merge(batch, { 0: record('rejected', 30), 1: record('skipped', 5) }),
    ),
  )
  await ledger.merge(one.batch, { 2: record('unknown', 7), 3: record('accepted', 500) })
  expect(await failures.find(id)).toEqual({
    failed: 77,
    planned: 2_000,
    pausedAt: null,
    pauseAtShare: 0.1,
    gate: 'open',
    gateSeq: 0,
  })
  // News of an acceptance takes an outcome back.
  await ledger.merge(one.batch, { 2: record('accepted', 7) })
  const pause = { by: 'LFM', why: 'too many', failed: 70 }
  await opened.store.deliveries.moveGate(id, 'paused', pause)
  expect(await failures.find(id)).toMatchObject({ failed: 70, pausedAt: 70 })
  // Somebody else has paused it meanwhile: nobody was asked about these.
  await opened.store.deliveries.moveGate(id, 'paused', { ...pause, failed: 90 })
  expect(await failures.find(id)).toMatchObject({ failed: 70, pausedAt: 70 })
})

test('reasons are told with their counts, most frequent first', async () => {
  const { ledger, failures } = opened.store
  const id = await plannedDelivery()
  const { batch } = await beginAttempt(opened.store, id)
  await ledger.merge(batch, {
    0: record('skipped', 5),
    1: record('rejected', 30),
    2: record('skipped', 4),
    3: record('accepted', 500),
  })
  expect(await failures.reasons(id, { batches: 10, reasons: 3 })).toEqual([
    { outcome: 'rejected', reason: 'because it is rejected', recipients: 30 },
    { outcome: 'skipped', reason: 'because it is skipped', recipients: 9 },
  ])
})
