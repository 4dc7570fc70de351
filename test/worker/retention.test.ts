// Retention in the worker: what goes from a real warehouse by a real store, and what never does.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { type Warehouse } from '../../warehouse/port.ts'
import { dropWhatIsOld, startRetention, type KeepDays } from '../../worker/retention.ts'
import { openStore, type OpenStore } from '../store/open-store.ts'

let opened: OpenStore
let warehouse: Warehouse
let dataDir: string
beforeAll(async () => {
  opened = await openStore()
  dataDir = await mkdtemp(join(tmpdir(), 'lfm-retention-'))
  warehouse = createDuckDbWarehouse({ dataDir })
})
afterAll(async () => {
  await opened[Symbol.asyncDispose]()
  await warehouse.close()
  await rm(dataDir, { recursive: true })
})

const dayMs = 24 * 60 * 60 * 1000
/** One instant for all, so that midnight does not come in between. */
const today = Date.now()
const log = pino({ level: 'silent' })

async function freeze(deliveryId: string): Promise<string> {
  const sql = `SELECT '${userId(1)}' AS user_id`
  await warehouse.freeze({ deliveryId, attempt: 'a1', sql, variables: [], deliveryAt })
  return deliveryId
}
async function frozen(isEnded: boolean): Promise<string> {
  const { id } = await opened.delivery()
  if (isEnded) await opened.store.deliveries.end(id, 'done', { account: null })
  return freeze(id)
}
const tidy = (days: number, more: Partial<Warehouse> = {}, keepDays?: KeepDays) =>
  dropWhatIsOld({
    retention: opened.store.retention,
    warehouse: { ...warehouse, ...more },
    keepDays: keepDays ?? { plans: 30, logs: undefined },
    now: () => today + days * dayMs,
    log,
  })

test('plans go when their delivery has ended long ago; open ones and unknown ones stay', async () => {
  const old = await frozen(true)
  const open = await frozen(false)
  const unknown = await freeze('of-no-store')
  await tidy(29)
  expect(await warehouse.heldDeliveries()).toContain(old)
  await tidy(31)
  const held = await warehouse.heldDeliveries()
  expect(held).not.toContain(old)
  expect(held).toEqual(expect.arrayContaining([open, unknown]))
})

test('what a killed run left is removed by the next', async () => {
  const ids = [await frozen(true), await frozen(true)]
  const killed = tidy(31, {
    dropDelivery: () => Promise.reject(new Error('The process is gone.')),
  })
  await expect(killed).rejects.toThrow('gone')
  expect(await warehouse.heldDeliveries()).toEqual(expect.arrayContaining(ids))
  // The clock went back meanwhile: what has been given up can't be taken back.
  await tidy(0)
  for (const id of ids) expect(await warehouse.heldDeliveries()).not.toContain(id)
})

test('logs go only where a setting says so, by the day', async () => {
  const days: string[] = []
  const dropLogsBefore = async (day: string) => void days.push(day)
  await tidy(0, { dropLogsBefore })
  expect(days).toEqual([])
  await tidy(0, { dropLogsBefore }, { plans: 30, logs: 400 })
  expect(days).toEqual([new Date(today - 400 * dayMs).toISOString().slice(0, 10)])
})

test('stopping ends it at once', async () => {
  const running = startRetention({
    retention: opened.store.retention,
    warehouse,
    keepDays: { plans: 30, logs: undefined },
    now: Date.now,
    log,
  })
  await running.stop()
  expect(await warehouse.heldDeliveries()).toContain('of-no-store')
})
