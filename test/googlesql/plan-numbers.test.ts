// The numbers of a plan: GoogleSQL's tables hold what the embedded warehouse makes of the same audience.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { workingTable } from '../../warehouse/bigquery/names.ts'
import { deliveryAt, inChunks, userId } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { type PlannedRequest, type Warehouse } from '../../warehouse/port.ts'
import { openJudged, type JudgedWarehouse } from './open-judged.ts'

const emulator = inject('emulator')

/** A value of the segment in each dialect; DuckDB's only where it is written otherwise. */
interface Literal {
  bigquery: string
  duckdb?: string
}

const fraction = (value: string): Literal => ({
  bigquery: `CAST(${value} AS FLOAT64)`,
  duckdb: `CAST(${value} AS DOUBLE)`,
})

const fractions = (all: readonly string[]) =>
  Object.fromEntries(all.map((value, index) => [`f${index}`, fraction(value)]))

/** Of these the engines write other digits, or more, for the same number. */
const spelledOtherwise = fractions(['0.00001', '0.000012', '1e16', '12345678901234567', '1.5e20'])

const values: Readonly<Record<string, Readonly<Record<string, Literal>>>> = {
  'whole numbers, truth and nothing': {
    whole: { bigquery: '12' },
    largest_safe: { bigquery: '9007199254740991' },
    beyond: { bigquery: '9007199254740993' },
    below: { bigquery: '-9007199254740993' },
    truth: { bigquery: 'TRUE' },
    nothing: { bigquery: 'CAST(NULL AS STRING)', duckdb: 'CAST(NULL AS VARCHAR)' },
    nothing_whole: { bigquery: 'CAST(NULL AS INT64)', duckdb: 'CAST(NULL AS BIGINT)' },
  },
  fractions: fractions([
    '0.1',
    '3',
    '-3',
    '0',
    '123456.789',
    '0.001',
    '0.0001',
    '0.00012',
    '1.5e-7',
    '-1.5e-10',
    '1.5e-100',
    '999999999999999',
    '1e15',
    '1234567890123456',
    '1e21',
    '1.5e22',
    '1.5e300',
    '0.333333333333333333',
  ]),
  decimals: {
    price: { bigquery: "NUMERIC '19.9'", duckdb: 'CAST(19.9 AS DECIMAL(3, 1))' },
    whole_price: { bigquery: "NUMERIC '20'", duckdb: 'CAST(20 AS DECIMAL(3, 0))' },
  },
  'days and hours': {
    day: { bigquery: "DATE '2026-11-22'" },
    instant: {
      bigquery: "TIMESTAMP '2026-11-22 19:00:00.250001+09:00'",
      duckdb: "TIMESTAMPTZ '2026-11-22 19:00:00.250001+09:00'",
    },
    local: {
      bigquery: "DATETIME '2026-11-22 10:00:00.125001'",
      duckdb: "TIMESTAMP '2026-11-22 10:00:00.125001'",
    },
    hour: { bigquery: "TIME '10:05:00.500001'" },
  },
  texts: {
    quoted: { bigquery: `'"大阪" \\\\ \\'é\\' / 🎌'`, duckdb: `'"大阪" \\ ''é'' / 🎌'` },
    lines: {
      bigquery: String.raw`'a\nb\tc\rd\be\ff\x01\x1f\x7f'`,
      duckdb: `'a' || chr(10) || 'b' || chr(9) || 'c' || chr(13) || 'd' || chr(8) || 'e' || chr(12) || 'f' || chr(1) || chr(31) || chr(127)`,
    },
    separators: {
      bigquery: String.raw`'\u2028 \u2029'`,
      duckdb: `chr(8232) || ' ' || chr(8233)`,
    },
    markup: { bigquery: "'</script>&<!--'" },
  },
}

function segment(dialect: 'bigquery' | 'duckdb', columns: Readonly<Record<string, Literal>>) {
  const made = Object.entries(columns).map(
    ([column, value]) => `${value[dialect] ?? value.bigquery} AS ${column}`,
  )
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
      expect(judged.judge.disagreements.splice(0)).toEqual([])
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

    test('are those of the embedded warehouse in both lanes, with ids spread over all cells', async () => {
      const spread = (n: number) =>
        `U${((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}${n.toString(16).padStart(24, '0')}`
      const cities = ['Osaka', 'Kobe', '京都', "d'Or", 'a"b', 'Nara', '']
      const rows = Array.from({ length: 800 }, (_, n) => ({
        line: n,
        userId: spread(n),
        values: [
          n % 11 === 0 ? null : (cities[n % cities.length] ?? null),
          String(n % 13 === 0 ? n : n % 3),
        ],
      }))
      for (const warehouse of [judged.warehouse, embedded])
        await warehouse.writeList('spread', ['city', 'points'], inChunks(rows))
      const sql = 'SELECT user_id, city, CAST(points AS BIGINT) AS points FROM list_spread'
      const { requests, onGoogleSql } = await frozen({ bigquery: sql, duckdb: sql }, [
        'city',
        'points',
      ])
      expect(requests.multicast.length).toBeGreaterThan(15)
      expect(requests.push.length).toBeGreaterThan(40)
      expect(onGoogleSql).toEqual(requests)
      const plain = await frozen({ bigquery: sql, duckdb: sql }, [])
      expect(plain.onGoogleSql).toEqual(plain.requests)
    })

    test.each(Object.entries(values))('have as variables %s byte for byte', async (_, columns) => {
      const sql = { bigquery: segment('bigquery', columns), duckdb: segment('duckdb', columns) }
      const { requests, onGoogleSql } = await frozen(sql, Object.keys(columns))
      expect(onGoogleSql.push[0]?.variables).toBe(requests.push[0]?.variables)
      expect(onGoogleSql).toEqual(requests)
    })

    test('have fractions as variables that are the same numbers, however they are spelled', async () => {
      const sql = {
        bigquery: segment('bigquery', spelledOtherwise),
        duckdb: segment('duckdb', spelledOtherwise),
      }
      const { requests, onGoogleSql } = await frozen(sql, Object.keys(spelledOtherwise))
      const read = (request: PlannedRequest | undefined): unknown =>
        JSON.parse(request?.variables ?? '')
      expect(read(onGoogleSql.push[0])).toEqual(read(requests.push[0]))
    })

    test('have hours without the zeros behind them', ({ skip }) =>
      skip(
        "the emulator writes six digits for %E*S, where Google's own library leaves zeros at the end away",
      ))

    test('have null for what is no number', ({ skip }) =>
      skip(
        "the emulator's engine can't read NaN and infinity, which its analyser makes literals of",
      ))
  })
