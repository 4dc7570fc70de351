// The numbers of a plan: GoogleSQL's tables hold what the embedded warehouse makes of the same audience.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { workingTable } from '../../warehouse/bigquery/names.ts'
import { deliveryAt, userId, type TableRow } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { type PlannedRequest, type Warehouse } from '../../warehouse/port.ts'
import { openJudged, type JudgedWarehouse } from './open-judged.ts'

const emulator = inject('emulator')

/** A column of the segment: a literal of each dialect. */
const values: Readonly<Record<string, { bigquery: string; duckdb?: string }>> = {
  whole: { bigquery: '12' },
  largest_safe: { bigquery: '9007199254740991' },
  beyond: { bigquery: '9007199254740993' },
  below: { bigquery: '-9007199254740993' },
  truth: { bigquery: 'TRUE' },
  nothing: { bigquery: 'CAST(NULL AS STRING)', duckdb: 'CAST(NULL AS VARCHAR)' },
  nothing_whole: { bigquery: 'CAST(NULL AS INT64)', duckdb: 'CAST(NULL AS BIGINT)' },
  third: { bigquery: 'CAST(1 AS FLOAT64) / 3', duckdb: 'CAST(1 AS DOUBLE) / 3' },
  tenth: { bigquery: 'CAST(0.1 AS FLOAT64)', duckdb: 'CAST(0.1 AS DOUBLE)' },
  round: { bigquery: 'CAST(3 AS FLOAT64)', duckdb: 'CAST(3 AS DOUBLE)' },
  large: { bigquery: 'CAST(1.5e300 AS FLOAT64)', duckdb: 'CAST(1.5e300 AS DOUBLE)' },
  small: { bigquery: 'CAST(1.5e-7 AS FLOAT64)', duckdb: 'CAST(1.5e-7 AS DOUBLE)' },
  no_number: { bigquery: "CAST('NaN' AS FLOAT64)", duckdb: "CAST('NaN' AS DOUBLE)" },
  endless: { bigquery: "CAST('-inf' AS FLOAT64)", duckdb: "CAST('-inf' AS DOUBLE)" },
  price: { bigquery: "NUMERIC '19.9'", duckdb: 'CAST(19.9 AS DECIMAL(3, 1))' },
  day: { bigquery: "DATE '2026-11-22'" },
  instant: {
    bigquery: "TIMESTAMP '2026-11-22 19:00:00.25+09:00'",
    duckdb: "TIMESTAMPTZ '2026-11-22 19:00:00.25+09:00'",
  },
  whole_second: {
    bigquery: "TIMESTAMP '2026-11-22 10:00:00+00:00'",
    duckdb: "TIMESTAMPTZ '2026-11-22 10:00:00+00:00'",
  },
  local: {
    bigquery: "DATETIME '2026-11-22 10:00:00.125'",
    duckdb: "TIMESTAMP '2026-11-22 10:00:00.125'",
  },
  hour: { bigquery: "TIME '10:05:00.5'" },
  quoted: { bigquery: `'"大阪" \\\\ \\'é\\' / 🎌'`, duckdb: `'"大阪" \\ ''é'' / 🎌'` },
  lines: {
    bigquery: String.raw`'a\nb\tc\rd\be\ff\x01\x1f\x7f'`,
    duckdb: `'a' || chr(10) || 'b' || chr(9) || 'c' || chr(13) || 'd' || chr(8) || 'e' || chr(12) || 'f' || chr(1) || chr(31) || chr(127)`,
  },
  separators: { bigquery: String.raw`'\u2028 \u2029'`, duckdb: `chr(8232) || ' ' || chr(8233)` },
  markup: { bigquery: "'</script>&<!--'" },
}

function segment(dialect: 'bigquery' | 'duckdb', columns: readonly string[]): string {
  const made = columns.map((column) => {
    const value = values[column]
    return `${(dialect === 'duckdb' && value?.duckdb) || value?.bigquery} AS ${column}`
  })
  return `SELECT '${userId(1)}' AS user_id, ${made.join(', ')}`
}

if ('reason' in emulator)
  describe('the numbers of a plan on GoogleSQL', () => {
    test(`are not compared: ${emulator.reason}`, ({ skip }) => skip(emulator.reason))
  })
else
  describe('the numbers of a plan on GoogleSQL', () => {
    let judged: JudgedWarehouse
    let embedded: Warehouse
    let dataDir: string
    let count = 0
    beforeAll(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'lfm-googlesql-'))
      embedded = createDuckDbWarehouse({ dataDir })
      judged = await openJudged(emulator.path)
    })
    afterAll(async () => {
      await judged.dispose()
      await embedded.close()
      await rm(dataDir, { recursive: true })
    })

    /** Freezes on both; gives the embedded plan, and the requests by the embedded files and by the emulator's tables. */
    async function frozen(sql: Record<Warehouse['dialect'], string>, variables: readonly string[]) {
      count += 1
      const request = { deliveryId: `plan-${count}`, attempt: 'a1', variables, deliveryAt }
      const ours = await judged.warehouse.freeze({ ...request, sql: sql.bigquery })
      const theirs = await embedded.freeze({ ...request, sql: sql.duckdb })
      expect(judged.judge.disagreements).toEqual([])
      // Each driver has a digest of its own.
      expect({ ...ours, digest: '' }).toEqual({ ...theirs, digest: '' })
      const requests: Record<Lane, PlannedRequest[]> = { multicast: [], push: [] }
      for (const lane of lanes)
        for (let from = 0; from < theirs.lanes[lane].requests; from += requestsPerBatch[lane])
          requests[lane].push(
            ...(await embedded.readRequests({
              deliveryId: request.deliveryId,
              attempt: 'a1',
              lane,
              fromRequest: from,
              toRequest: Math.min(from + requestsPerBatch[lane], theirs.lanes[lane].requests),
            })),
          )
      return {
        requests,
        onGoogleSql: {
          multicast: await requestsIn(request.deliveryId, 'multicast'),
          push: await requestsIn(request.deliveryId, 'push'),
        },
      }
    }

    async function requestsIn(deliveryId: string, lane: Lane): Promise<PlannedRequest[]> {
      const tableId = workingTable(lane, deliveryId, 'a1')
      const { rows } = await judged.emulator.table({ datasetId: judged.dataset, tableId })
      const found = new Map<number, PlannedRequest>()
      const number = (value: string | null | undefined) => Number(value)
      for (const [requestNo, , id, variables] of rows.sort(
        (a, b) => number(a[0]) - number(b[0]) || number(a[1]) - number(b[1]),
      )) {
        const key = number(requestNo)
        const request = found.get(key) ?? {
          requestNo: key,
          variables: variables ?? '',
          userIds: [],
        }
        request.userIds.push(id ?? '')
        found.set(key, request)
      }
      return [...found.values()]
    }

    async function loadOnBoth(table: string, rows: readonly TableRow[]): Promise<void> {
      await judged.loadTable(table, rows)
      const folder = join(dataDir, 'tables', table)
      await mkdir(folder, { recursive: true })
      const lines = rows.map((row) => JSON.stringify(row))
      await writeFile(join(folder, 'rows.json'), lines.join('\n'))
    }

    test('are those of the embedded warehouse in both lanes, with ids spread over all cells', async () => {
      const spread = (n: number) =>
        `U${((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}${n.toString(16).padStart(24, '0')}`
      const cities = ['Osaka', 'Kobe', '京都', "d'Or", 'a"b', 'Nara', '']
      const rows = Array.from({ length: 3000 }, (_, n) => ({
        user_id: spread(n),
        city: n % 11 === 0 ? null : (cities[n % cities.length] ?? null),
        points: n % 13 === 0 ? n : n % 3,
      }))
      await loadOnBoth('spread', rows)
      const sql = 'SELECT * FROM spread'
      const { requests, onGoogleSql } = await frozen({ bigquery: sql, duckdb: sql }, [
        'city',
        'points',
      ])
      expect(requests.multicast.length).toBeGreaterThan(20)
      expect(requests.push.length).toBeGreaterThan(100)
      expect(onGoogleSql).toEqual(requests)
      const plain = await frozen({ bigquery: sql, duckdb: sql }, [])
      expect(plain.onGoogleSql).toEqual(plain.requests)
    })

    test.each(Object.keys(values))('have the variable %s byte for byte', async (column) => {
      const sql = { bigquery: segment('bigquery', [column]), duckdb: segment('duckdb', [column]) }
      const { requests, onGoogleSql } = await frozen(sql, [column])
      expect(onGoogleSql.push[0]?.variables).toBe(requests.push[0]?.variables)
      expect(onGoogleSql).toEqual(requests)
    })
  })
