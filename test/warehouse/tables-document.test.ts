// docs/warehouse-tables.md promises columns and types; the embedded warehouse has exactly these.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { type Warehouse } from '../../warehouse/port.ts'

const page = await readFile(new URL('../../docs/warehouse-tables.md', import.meta.url), 'utf8')

/** The promised columns of each table, by the heading above them. */
const promised = page.split(/^## /m).flatMap((section): [string, string[][]][] => {
  const rows = [...section.matchAll(/^\| `(\w+)` \| `([\w ]+)` \| `(\w+)` \|/gm)]
  const columns = rows.map(([, column = '', duckdb = '', bigquery = '']) => [
    column,
    duckdb,
    bigquery,
  ])
  return columns.length > 0 ? [[section.slice(0, section.indexOf('\n')), columns]] : []
})

let warehouse: Warehouse
let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'lfm-tables-'))
  warehouse = createDuckDbWarehouse({ dataDir })
})
afterAll(async () => {
  await warehouse.close()
  await rm(dataDir, { recursive: true })
})

test('the page has every table and view', () => {
  expect(promised.map(([table]) => table)).toEqual([
    'delivery_log',
    'click_log',
    'friend_events',
    'line_friends',
    'delivered_last_30_days',
    'clicks_by_campaign',
  ])
})

test.each(promised)('%s has the columns and types of the page', async (table, columns) => {
  const sql = `SELECT '' AS user_id, t FROM (SELECT 1) LEFT JOIN ${table} AS t ON true`
  const { columns: found } = await warehouse.inspectSegment(sql, [])
  const fields = columns.map(([column = '', type = '']) => `${column} ${type}`)
  const struct = found[1]?.type.replaceAll('"', '')
  expect(struct).toBe(`STRUCT(${fields.join(', ')})`)
})

test('each type of the one engine has one of the other', () => {
  const other: Record<string, string> = {
    VARCHAR: 'STRING',
    INTEGER: 'INT64',
    BIGINT: 'INT64',
    'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
  }
  for (const [, columns] of promised)
    for (const [, duckdb = '', bigquery] of columns) expect(other[duckdb]).toBe(bigquery)
})
