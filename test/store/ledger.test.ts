// The ledger: attempts that render the same, and merges that never take back what was accepted.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  BodiesDiffer,
  CancelledBefore,
  type LedgerRecord,
  type LedgerRecords,
} from '../../domain/ledger.ts'
import { outcomes } from '../../domain/outcome.ts'
import { beginAttempt, openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const states = [...outcomes, 'in-doubt', 'not-accepted', 'split'] as const

function record(requestNo: number, state: LedgerRecord['state']): LedgerRecord {
  const recipients = 1 + requestNo * 10
  return {
    state,
    recipients,
    fromOrdinal: 0,
    toOrdinal: recipients,
    round: 0,
    generation: 0,
    at: '2026-01-01T00:00:00.000Z',
  }
}

/** What one writer merges, one merge after another. */
const merges = fc.array(
  fc.dictionary(
    fc.integer({ min: 0, max: 5 }).map(String),
    fc.constantFrom<LedgerRecord['state']>(...states),
    { minKeys: 1, maxKeys: 4 },
  ),
  { maxLength: 5 },
)

const asRecords = (merge: Record<string, LedgerRecord['state']>): LedgerRecords =>
  Object.fromEntries(
    Object.entries(merge).map(([name, state]) => [name, record(Number(name), state)]),
  )

test('in any order of the merges of two writers an acceptance stays, an outcome or a split gives way to nothing else, and the sums are those of the records', async () => {
  const { id } = await opened.delivery()
  const { ledger } = opened.store
  let batchNo = 0
  await fc.assert(
    fc.asyncProperty(merges, merges, async (ones, others) => {
      const { batch } = await beginAttempt(opened.store, id, { batchNo: batchNo++ })
      const earlier = await ledger.progress(id)
      const write = async (some: typeof ones) => {
        for (const merge of some) await ledger.merge(batch, asRecords(merge))
      }
      await Promise.all([write(ones), write(others)])

      const [merged] = await ledger.batches(id, 'multicast', [batch.batchNo])
      const records = merged?.records ?? {}
      const written = [...ones, ...others]
      const names = new Set(written.flatMap((merge) => Object.keys(merge)))
      // Nothing that either wrote is lost, even when both write at the same moment.
      expect(new Set(Object.keys(records))).toEqual(names)
      for (const name of names) {
        const given = written.flatMap((merge) => merge[name] ?? [])
        const lasts = [ones, others].flatMap(
          (some) => some.flatMap((m) => m[name] ?? []).at(-1) ?? [],
        )
        const closed = given.filter((state) => state !== 'in-doubt' && state !== 'not-accepted')
        const allowed = given.includes('accepted')
          ? ['accepted', ...closed.filter((state) => state === 'split')]
          : closed.length > 0
            ? closed
            : lasts
        expect(allowed).toContain(records[name]?.state)
      }
      const progress = await ledger.progress(id)
      for (const outcome of outcomes) {
        const sum = Object.values(records)
          .filter(({ state }) => state === outcome)
          .reduce((total, { recipients }) => total + recipients, 0)
        expect(progress[outcome] - earlier[outcome]).toBe(sum)
      }
    }),
    { numRuns: 60 },
  )
})

test('a merge that had to wait for another one keeps what that one wrote', async () => {
  const { id } = await opened.delivery()
  const { batch } = await beginAttempt(opened.store, id)
  const { ledger } = opened.store
  const earlier = await opened.hold(`select merge_records($1, 'multicast', 0, 1, $2)`, [
    id,
    JSON.stringify({ 1: record(1, 'accepted'), 2: record(2, 'accepted') }),
  ])
  const merge = ledger.merge(batch, { 2: record(2, 'in-doubt'), 3: record(3, 'rejected') })
  await opened.untilBlocked(1)
  await earlier.commit()
  await merge
  const [merged] = await ledger.batches(id, 'multicast', [0])
  expect(merged?.records).toMatchObject({
    1: { state: 'accepted' },
    2: { state: 'accepted' },
    3: { state: 'rejected' },
  })
  expect(await ledger.progress(id)).toMatchObject({ accepted: 32, rejected: 31 })
})

test('a batch is unresolved until each of its recipients has an outcome', async () => {
  const { id } = await opened.delivery()
  const { ledger } = opened.store
  const first = await beginAttempt(opened.store, id, { batchNo: 3, recipients: 12 })
  await beginAttempt(opened.store, id, { batchNo: 1, recipients: 12 })
  expect(await ledger.attempted(id, 'multicast')).toEqual([1, 3])
  expect(await ledger.attempted(id, 'push')).toEqual([])
  await ledger.merge(first.batch, { 0: record(0, 'accepted'), 1: record(1, 'in-doubt') })
  expect(await ledger.unresolved(id, 'multicast')).toEqual([1, 3])
  await ledger.merge(first.batch, { 1: record(1, 'rejected') })
  expect(await ledger.unresolved(id, 'multicast')).toEqual([1])
  expect(await ledger.progress(id)).toMatchObject({ accepted: 1, rejected: 11, unknown: 0 })
})

test('an attempt counts up and is told what earlier ones recorded', async () => {
  const { id } = await opened.delivery()
  const first = await beginAttempt(opened.store, id)
  expect(first).toMatchObject({ attemptNo: 1, records: {}, earlierCallsEndInMs: 0 })
  await opened.store.ledger.merge(first.batch, { 7: record(7, 'accepted') })
  const second = await beginAttempt(opened.store, id)
  expect(second).toMatchObject({ attemptNo: 2, records: { 7: record(7, 'accepted') } })
  expect(second.attemptAgesMs).toHaveLength(2)
  expect(second.attemptAgesMs[0]).toBeGreaterThanOrEqual(second.attemptAgesMs[1] ?? Infinity)
})

test('attempts that begin at once have different numbers', async () => {
  const { id } = await opened.delivery()
  const begun = await Promise.all(Array.from({ length: 10 }, () => beginAttempt(opened.store, id)))
  const numbers = begun.map(({ attemptNo }) => attemptNo)
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('an attempt with other bodies or another plan is refused and leaves no attempt behind', async () => {
  const { id } = await opened.delivery()
  await beginAttempt(opened.store, id)
  for (const other of [{ digest: 'another' }, { planAttempt: 'another' }]) {
    await expect(beginAttempt(opened.store, id, other)).rejects.toThrow(BodiesDiffer)
  }
  const [batch] = await opened.store.ledger.batches(id, 'multicast', [0])
  expect(batch?.attempts).toBe(1)
  const rows = await opened.query('select * from batch_attempt where delivery_id = $1', [id])
  expect(rows).toHaveLength(1)
})

test('of an attempt that has a successor only acceptances count', async () => {
  const { id } = await opened.delivery()
  const { ledger } = opened.store
  const first = await beginAttempt(opened.store, id)
  const second = await beginAttempt(opened.store, id)
  await ledger.merge(second.batch, { 1: record(1, 'split'), 2: record(2, 'in-doubt') })
  await ledger.merge(first.batch, {
    1: record(1, 'in-doubt'),
    2: record(2, 'accepted'),
    3: record(3, 'not-accepted'),
  })
  const [merged] = await ledger.batches(id, 'multicast', [0])
  expect(merged?.records[1]?.state).toBe('split')
  expect(merged?.records[2]?.state).toBe('accepted')
  expect(merged?.records[3]).toBeUndefined()
})

test('of a cancelled delivery no attempt begins, and the gate is told', async () => {
  const { store } = opened
  const { id } = await opened.delivery()
  await beginAttempt(store, id)
  await store.deliveries.moveGate(id, 'paused', { by: 'Mia', why: 'a look' })
  expect((await beginAttempt(store, id)).attemptNo).toBe(2)
  await store.deliveries.moveGate(id, 'cancelled', { by: 'Mia', why: 'enough' })
  const late = beginAttempt(store, id, { batchNo: 1 })
  await expect(late).rejects.toThrow(CancelledBefore)
  await expect(late).rejects.toMatchObject({ gate: { position: 'cancelled', seq: 2 } })
  expect(await store.ledger.attempted(id, 'multicast')).toEqual([0])
})

test('a cancel waits for an attempt that begins, so that whoever closes the ledger sees it', async () => {
  const { store } = opened
  const { id } = await opened.delivery()
  const attempt = await opened.hold(
    `select * from begin_batch_attempt($1::uuid, 'multicast', 0, 'p', 'd', 10, 0)`,
    [id],
  )
  const cancelled = store.deliveries.moveGate(id, 'cancelled', { by: 'Mia', why: 'enough' })
  await opened.untilBlocked(1)
  await attempt.commit()
  await cancelled
  expect(await store.ledger.attempted(id, 'multicast')).toEqual([0])
})
