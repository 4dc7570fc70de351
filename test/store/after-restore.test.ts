// A database that was restored: every open delivery is held, and what is open may have been called since the backup.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LedgerRecord } from '../../domain/ledger.ts'
import { makeSafeAfterRestore } from '../../store/after-restore.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore
beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const hourMs = 3_600_000
const noRecipients = { requests: 0, recipients: 0, batchRecipients: [] }

/** A delivery with a plan of three multicast batches. */
async function planned() {
  const { id } = await opened.delivery()
  await opened.store.plans.commit(id, {
    attempt: 'p',
    digest: 'd',
    audience: { segmentRows: 3, malformed: 0, duplicates: 0, excluded: 0, planned: 3 },
    lanes: {
      multicast: { requests: 41, recipients: 41, batchRecipients: [20, 20, 1] },
      push: noRecipients,
    },
  })
  return id
}

const restore = (takenAt: Date) =>
  makeSafeAfterRestore({ databaseUrl: opened.databaseUrl, takenAt, callsEndInMs: hourMs })

const record = (facts: Partial<LedgerRecord>): LedgerRecord => ({
  state: 'not-accepted',
  recipients: 1,
  fromOrdinal: 0,
  toOrdinal: 1,
  round: 0,
  generation: 0,
  at: new Date().toISOString(),
  ...facts,
})

test('open deliveries are paused above every number of the gate, cancelled ones stay so, ended ones are left alone', async () => {
  const { deliveries } = opened.store
  const [open, cancelled, ended] = [await planned(), await planned(), await planned()]
  await deliveries.moveGate(cancelled, 'cancelled', { by: 'Mio', why: 'a wrong price' })
  await deliveries.end(ended, 'done', { account: null })
  const held = await restore(new Date())
  expect(held).toEqual(
    expect.arrayContaining([
      { id: open, gate: 'paused' },
      { id: cancelled, gate: 'cancelled' },
    ]),
  )
  expect(held.map(({ id }) => id)).not.toContain(ended)
  const found = await deliveries.find(open)
  expect(found).toMatchObject({ gate: { position: 'paused', by: 'LFM', seq: 1_000_000 } })
  expect(found?.restoredAt).not.toBeNull()
  expect((await deliveries.find(cancelled))?.gate).toMatchObject({ by: 'Mio' })
  await deliveries.setRecovered(open, { by: 'Mio', why: 'restored' })
  expect((await deliveries.find(open))?.restoredAt).toBeNull()
})

test('a delivery that had no plan yet is cancelled, for the plan that it got since is lost', async () => {
  const { id } = await opened.delivery()
  expect(await restore(new Date())).toContainEqual({ id, gate: 'cancelled' })
})

test('batches that are not done count as attempted since the backup, those of before and those never begun', async () => {
  const { ledger } = opened.store
  const id = await planned()
  const { batch } = await beginAttempt(opened.store, id, { recipients: 20 })
  await ledger.merge(batch, { '0': record({ state: 'accepted', recipients: 20 }) })
  await beginAttempt(opened.store, id, { batchNo: 1, recipients: 20 })
  await restore(new Date(Date.now() - 5 * hourMs))

  expect(await ledger.attempted(id, 'multicast')).toEqual([0, 1, 2])
  expect(await ledger.unresolved(id, 'multicast')).toEqual([1, 2])
  // A batch that the backup did not know takes the digest of whoever begins it next, and keeps it.
  const next = await beginAttempt(opened.store, id, { batchNo: 2, digest: 'mine', recipients: 1 })
  expect(next.attemptNo).toBe(2)
  expect(next.attemptAgesMs[0]).toBeGreaterThan(5 * hourMs - 1)
  expect(next.earlierCallsEndInMs).toBeGreaterThan(hourMs / 2)
  // Whatever is in it may have been called.
  expect(next.calledBelow).toEqual([2 ** 31 - 1])
  await expect(beginAttempt(opened.store, id, { batchNo: 2, digest: 'another' })).rejects.toThrow(
    /other bodies/,
  )
  const begunBefore = await beginAttempt(opened.store, id, { batchNo: 1, recipients: 20 })
  expect(begunBefore).toMatchObject({ attemptNo: 3, calledBelow: [0, 2 ** 31 - 1] })
})

test('what had a dead key at the backup is in doubt under the next one', async () => {
  const { ledger } = opened.store
  const id = await planned()
  const takenAt = new Date(Date.now() - hourMs)
  const calledBefore = (hours: number) => new Date(takenAt.getTime() - hours * hourMs).toISOString()
  const { batch } = await beginAttempt(opened.store, id, { recipients: 20 })
  await ledger.merge(batch, {
    '0': record({ firstCallAt: calledBefore(30), settledBy: 1 }),
    '1': record({ firstCallAt: calledBefore(1), settledBy: 1 }),
    '2': record({ state: 'accepted', firstCallAt: calledBefore(30) }),
  })
  await restore(takenAt)
  const [known] = await ledger.batches(id, 'multicast', [0])
  expect(known?.attempts).toBe(2)
  expect(known?.records['0']).toMatchObject({
    state: 'in-doubt',
    generation: 1,
    firstCallAt: takenAt.toISOString(),
  })
  expect(known?.records['0']?.settledBy).toBeUndefined()
  // Settled by an attempt that is not the last: in doubt to whoever begins the next.
  expect(known?.records['1']).toMatchObject({ generation: 0, settledBy: 1 })
  expect(known?.records['2']?.state).toBe('accepted')
})
