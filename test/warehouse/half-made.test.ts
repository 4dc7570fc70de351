// What a killed process leaves half made goes when the delivery's log has been written.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { type Warehouse } from '../../warehouse/port.ts'

let dataDir: string
let warehouse: Warehouse

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'lfm-warehouse-'))
  warehouse = createDuckDbWarehouse({ dataDir })
})
afterEach(async () => {
  await warehouse.close()
  await rm(dataDir, { recursive: true })
})

test('parts and logs that were half written are gone at the end of their delivery, those of others stay', async () => {
  const folder = (...names: string[]) => join(dataDir, 'warehouse', ...names)
  const plan = await warehouse.freeze({
    deliveryId: 'd1',
    attempt: 'a1',
    sql: `SELECT '${userId(1)}' AS user_id`,
    variables: [],
    deliveryAt,
  })
  expect(plan.lanes.multicast.requests).toBe(1)
  const ranges = [{ fromRequest: 0, toRequest: 1 }]
  const part = { deliveryId: 'd1', lane: 'multicast', round: 0, page: '0' } as const
  await warehouse.writeUnsent(part, 'a1', ranges, { at: new Date(0).toISOString(), reason: 'no' })
  await mkdir(folder('delivery_log'), { recursive: true })
  await writeFile(folder('parts', 'd1', '.multicast-0-0.parquet.1234.tmp'), 'half')
  await writeFile(folder('delivery_log', '.d1.parquet.1234.tmp'), 'half')
  await writeFile(folder('delivery_log', '.d10.parquet.1234.tmp'), 'half')

  const facts = { deliveryId: 'd1', campaignId: 'c', channelId: '1', attempt: 'a1' }
  expect(await warehouse.materialiseLog(facts)).toEqual({ rows: 1 })
  expect(await readdir(folder('parts', 'd1'))).toEqual(['multicast-0-0.parquet'])
  expect((await readdir(folder('delivery_log'))).sort()).toEqual([
    '.d10.parquet.1234.tmp',
    'd1.parquet',
  ])
})
