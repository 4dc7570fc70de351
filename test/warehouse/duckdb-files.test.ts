// Plans and parts of the embedded warehouse as files: cut, lost, damaged, and made again.
import { open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { type OutcomeRow } from '../../warehouse/port.ts'
import { type EmbeddedWarehouse, openEmbeddedWarehouse } from './embedded-warehouse.ts'

let embedded: EmbeddedWarehouse
beforeEach(async () => {
  embedded = await openEmbeddedWarehouse()
})
afterEach(() => embedded[Symbol.asyncDispose]())

test('a plan cut into many pieces is numbered as one', async () => {
  const sql = `SELECT 'U' || md5((range // 2)::VARCHAR) AS user_id, CASE
      WHEN range % 3 = 0 THEN 'one' WHEN range % 3 = 1 THEN 'v' || range // 27 ELSE range::VARCHAR END AS v
    FROM range(1200000)`
  const plan = await embedded.freeze(sql, ['v'])
  expect(plan.audience).toMatchObject({ segmentRows: 1_200_000, duplicates: 600_000 })
  const files = await readdir(join(embedded.dataDir, 'warehouse/plans/d1/a1'))
  expect(files.filter((file) => file.startsWith('push-')).length).toBeGreaterThan(1)
  expect(files.filter((file) => file.startsWith('multicast-')).length).toBeGreaterThan(1)
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const glob = (lane: string) =>
    `read_parquet('${embedded.dataDir}/warehouse/plans/d1/a1/${lane}-*.parquet')`
  // The same plan by windows over everything, which only a test can afford.
  const expected = `
    WITH users AS (SELECT user_id, min(json_object('v', v)::VARCHAR) AS variables FROM (${sql}) GROUP BY 1),
    sized AS (SELECT *, count(*) OVER (PARTITION BY variables) AS size,
      row_number() OVER (PARTITION BY variables ORDER BY user_id) - 1 AS place FROM users)`
  const multicast = `${expected} SELECT dense_rank() OVER (ORDER BY variables, place // 500) - 1 AS request_no,
    place % 500 AS ordinal, user_id, variables FROM sized WHERE size >= 10`
  const push = `${expected} SELECT row_number() OVER (ORDER BY variables, user_id) - 1 AS request_no,
    0 AS ordinal, user_id, variables FROM sized WHERE size < 10`
  for (const [lane, rows] of [
    ['multicast', multicast],
    ['push', push],
  ] as const) {
    const reader = await connection.runAndReadAll(`
      SELECT (SELECT count(*) FROM (${rows} EXCEPT ALL SELECT * FROM ${glob(lane)})),
        (SELECT count(*) FROM ${glob(lane)}) - (SELECT count(*) FROM (${rows}))`)
    expect(reader.getRows()).toEqual([[0n, 0n]])
  }
  connection.closeSync()
  instance.closeSync()
})

test('a part whose rows break off leaves no file, and the next reader sees none', async () => {
  await embedded.freeze(`SELECT '${userId(1)}' AS user_id`)
  async function* breaking(): AsyncGenerator<OutcomeRow[]> {
    yield []
    throw new Error('The ledger went away.')
  }
  const part = { deliveryId: 'd1', lane: 'multicast' as const, page: '0', round: 0 }
  await expect(embedded.warehouse.writePart(part, breaking())).rejects.toThrow(
    'The ledger went away.',
  )
  const folder = join(embedded.dataDir, 'warehouse/parts/d1')
  expect(await readdir(folder)).toEqual([])
  await writeFile(join(folder, '.multicast-0-0.parquet.x.tmp'), 'half a file')
  expect((await embedded.warehouse.reconcile('d1', 'a1')).withoutOutcome).toBe(1)
})

test.each([
  ['cut short', async (path: string) => truncate(path, 200)],
  ['cut within its rows', async (path: string) => cutOutMiddle(path)],
  ['emptied', async (path: string) => truncate(path, 0)],
  ['deleted', async (path: string) => rm(path)],
])(
  'a part that was %s is missing, and exact again when it is written again',
  async (how, damage) => {
    await embedded.freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(30000)`)
    const write = (page: number) => embedded.warehouse.writePart(aPart(page), partRows(page))
    for (const page of [0, 1, 2]) await write(page)
    expect((await embedded.warehouse.reconcile('d1', 'a1')).isExact).toBe(true)
    const path = join(embedded.dataDir, 'warehouse/parts/d1/multicast-1-0.parquet')
    await damage(path)
    const found = await embedded.warehouse.reconcile('d1', 'a1')
    expect(found).toMatchObject({
      isExact: false,
      withoutOutcome: 10_000,
      account: { planned: 30_000, accepted: 20_000 },
    })
    expect(found.unreadableParts).toBe(how === 'deleted' ? 0 : 1)
    await write(1)
    expect(await embedded.warehouse.reconcile('d1', 'a1')).toMatchObject({
      isExact: true,
      unreadableParts: 0,
    })
  },
)

test('a plan that lost a file is waited for, and no delivery is taken as untrue for it', async () => {
  await embedded.freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(30000)`)
  for (const page of [0, 1, 2]) await embedded.warehouse.writePart(aPart(page), partRows(page))
  const file = join(embedded.dataDir, 'warehouse/plans/d1/a1/multicast-000000000-000000060.parquet')
  await rename(file, `${file}.away`)
  await expect(embedded.warehouse.reconcile('d1', 'a1')).rejects.toThrow(/does not hold its 30000/)
  await rename(`${file}.away`, file)
  expect((await embedded.warehouse.reconcile('d1', 'a1')).isExact).toBe(true)
})

test('a plan that lost a file is not sent', async () => {
  await embedded.freeze(`SELECT '${userId(1)}' AS user_id`)
  await rm(join(embedded.dataDir, 'warehouse/plans/d1/a1/multicast-000000000-000000001.parquet'))
  const range = { deliveryId: 'd1', attempt: 'a1', lane: 'multicast' as const }
  await expect(
    embedded.warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 }),
  ).rejects.toThrow(/Don't send/)
})

test('an attempt that freezes twice keeps its first plan', async () => {
  const first = await embedded.freeze(`SELECT '${userId(1)}' AS user_id`)
  const second = await embedded.freeze(`SELECT '${userId(2)}' AS user_id`)
  expect(second).toEqual(first)
})

test('names that would leave the data folder are refused', async () => {
  const sql = `SELECT '${userId(1)}' AS user_id`
  await expect(
    embedded.warehouse.freeze({
      deliveryId: '../d1',
      attempt: 'a1',
      sql,
      variables: [],
      deliveryAt,
    }),
  ).rejects.toThrow(/can't be part of a file name/)
})

test('many batches are read at once', async () => {
  await embedded.freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(20000)`)
  const batches = await Promise.all(
    Array.from({ length: 40 }, (_, requestNo) =>
      embedded.warehouse.readRequests({
        deliveryId: 'd1',
        attempt: 'a1',
        lane: 'multicast',
        fromRequest: requestNo,
        toRequest: requestNo + 1,
      }),
    ),
  )
  expect(new Set(batches.flatMap(([request]) => request?.userIds ?? [])).size).toBe(20_000)
})

test('closing removes what was spilled and ends further use', async () => {
  await embedded.freeze(`SELECT '${userId(1)}' AS user_id`)
  await embedded.warehouse.close()
  expect(await readdir(join(embedded.dataDir, 'warehouse/tmp'))).toEqual([])
  await expect(embedded.warehouse.reconcile('d1', 'a1')).rejects.toThrow(/closed/)
  const plan: unknown = JSON.parse(
    await readFile(join(embedded.dataDir, 'warehouse/plans/d1/a1/plan.json'), 'utf8'),
  )
  expect(plan).toMatchObject({ attempt: 'a1' })
})

const aPart = (page: number) => ({
  deliveryId: 'd1',
  lane: 'multicast' as const,
  page: String(page),
  round: 0,
})

/** Outcomes of the twenty requests of a page, two rows each. */
async function* partRows(page: number): AsyncGenerator<OutcomeRow[]> {
  yield Array.from({ length: 40 }, (_, index) => ({
    lane: 'multicast' as const,
    requestNo: page * 20 + Math.floor(index / 2),
    fromOrdinal: (index % 2) * 250,
    toOrdinal: (index % 2) * 250 + 250,
    outcome: 'accepted' as const,
    lineRequestId: `line-${page}-${index}`,
    retryKey: null,
    at: '2026-11-22T10:00:00.000Z',
    reason: null,
  }))
}

/** Overwrites what lies between head and foot, as a disk that lost a block leaves it. */
async function cutOutMiddle(path: string): Promise<void> {
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(Math.floor(size / 3)), 0, Math.floor(size / 3), 8)
  await file.close()
}
