// Changes to tables of the warehouse take turns over all workers, by the rule of domain/change-limit.ts.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ChangeLimit, nextChangeAt } from '../../domain/change-limit.ts'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore
beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const hourMs = 3_600_000
const limit: ChangeLimit = { burst: 4, burstMs: 600_000, beforeSlow: 8, slowMs: 1_800_000 }

async function allowedFor(table: string): Promise<number[]> {
  const [kept] = await opened.query(
    'select allowed_at from warehouse_changes where table_name = $1',
    [table],
  )
  return ((kept?.allowed_at ?? []) as Date[]).map((at) => at.getTime())
}

async function databaseNow(): Promise<number> {
  const [row] = await opened.query('select clock_timestamp() as now')
  return (row?.now as Date).getTime()
}

/** Asks for a table that was changed at these moments, counted from now. */
async function askAfter(table: string, earlierMs: readonly number[]) {
  const before = await databaseNow()
  const earlier = earlierMs.map((ms) => before + ms)
  await opened.query('insert into warehouse_changes (table_name, allowed_at) values ($1, $2)', [
    table,
    earlier.map((at) => new Date(at)),
  ])
  const waitMs = await opened.store.warehouseChanges.next(table, limit)
  return { before, after: await databaseNow(), earlier, waitMs }
}

test.each([
  ['none', []],
  ['fewer than a burst', [-3_000, -2_000, -1_000]],
  ['a burst', [-4_000, -3_000, -2_000, -1_000]],
  ['a burst that is long over', [-5 * hourMs, -4 * hourMs, -3 * hourMs, -2 * hourMs]],
  ['so many that it is slow', Array.from({ length: 8 }, (_, n) => (n - 8) * 1_000_000)],
  ['those of others that lie ahead', [-1_000, 0, 600_000, 1_200_000]],
  ['many of two days ago', Array.from({ length: 20 }, (_, n) => -48 * hourMs + n)],
])('after %s the next one comes when the rule says', async (name, earlierMs) => {
  const { before, after, earlier, waitMs } = await askAfter(name, earlierMs)
  const at = (await allowedFor(name)).at(-1) ?? NaN
  expect(at).toBeGreaterThanOrEqual(nextChangeAt(earlier, before, limit))
  expect(at).toBeLessThanOrEqual(nextChangeAt(earlier, after, limit) + 1)
  expect(waitMs).toBeGreaterThanOrEqual(Math.max(0, at - after - 1))
  expect(waitMs).toBeLessThanOrEqual(at - before + 1)
})

test('workers that ask at once get turns one after the other, and each table has its own', async () => {
  const { warehouseChanges } = opened.store
  const wait = () => warehouseChanges.next('asked-at-once', limit)
  const waits = await Promise.all(Array.from({ length: 7 }, wait))
  const turns = waits.toSorted((a, b) => a - b).map((ms) => Math.round(ms / limit.burstMs))
  expect(turns).toEqual([0, 0, 0, 0, 1, 1, 1])
  expect(await allowedFor('asked-at-once')).toHaveLength(7)
  expect(await warehouseChanges.next('another', limit)).toBe(0)
})

test('moments of a clock that has been put back since hold nobody up, and those of the day before are forgotten', async () => {
  const { waitMs } = await askAfter('clock', [-25 * hourMs, 5 * hourMs, 6 * hourMs, 7 * hourMs])
  expect(waitMs).toBe(0)
  expect(await allowedFor('clock')).toHaveLength(1)
})
