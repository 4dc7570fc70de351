// Pages of rows: the order is nobody's to rely on, a page may be short, only a token goes on where it stopped.
import { expect, test } from 'vitest'
import { openBigQuery, type OpenBigQuery } from './open-bigquery.ts'

const LIST = 'datasets/shop/tables/plan'

async function openPlan(settings = {}): Promise<OpenBigQuery> {
  const bigquery = await openBigQuery({ settings })
  await bigquery.run(
    'CREATE TABLE shop.plan PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 1000, 100)) AS SELECT x AS n FROM UNNEST(GENERATE_ARRAY(0, 999)) AS x',
  )
  return bigquery
}

async function read(bigquery: OpenBigQuery, query: string) {
  const { body, status } = await bigquery.rows(`${LIST}${query}`)
  return {
    status,
    body,
    values: (body.rows ?? []).map(({ f }) => Number(f[0]?.v)),
    token: body.pageToken,
  }
}

test('another call gives another order, the tokens of one call go on in its own', async () => {
  await using bigquery = await openPlan()
  const first = await read(bigquery, '/data?maxResults=600')
  const other = await read(bigquery, '/data?maxResults=600')
  expect(other.values).not.toEqual(first.values)
  const rest = await read(bigquery, `/data?maxResults=600&pageToken=${first.token ?? ''}`)
  expect(rest.token).toBeUndefined()
  expect(new Set([...first.values, ...rest.values]).size).toBe(1000)
})

test('a partition is a set that stays, in an order that does not', async () => {
  await using bigquery = await openPlan()
  const one = await read(bigquery, '$300/data')
  const two = await read(bigquery, '$300/data')
  expect(one.body.totalRows).toBe('100')
  expect([...one.values].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 100 }, (_, n) => 300 + n),
  )
  expect(two.values).not.toEqual(one.values)
  expect(new Set(two.values)).toEqual(new Set(one.values))
  expect((await read(bigquery, '$350/data')).status).toBe(400)
})

test('pages are short where they are told to be, and tokens still reach every row', async () => {
  await using bigquery = await openPlan({ shortPages: 1, maxPageRows: 400 })
  const found: number[] = []
  let page = await read(bigquery, '/data')
  for (;;) {
    found.push(...page.values)
    if (page.token === undefined) break
    page = await read(bigquery, `/data?pageToken=${page.token}`)
  }
  expect([...found].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
})

test('a page ends at its bytes', async () => {
  await using bigquery = await openPlan({ maxPageBytes: 1000 })
  const page = await read(bigquery, '/data')
  expect(page.values.length).toBeGreaterThan(10)
  expect(page.values.length).toBeLessThan(100)
})

test('a token and a start together are refused', async () => {
  await using bigquery = await openPlan()
  const { token } = await read(bigquery, '/data?maxResults=1')
  const { status, body } = await read(bigquery, `/data?startIndex=1&pageToken=${token ?? ''}`)
  expect(status).toBe(400)
  expect(body.error?.message).toBe(
    'When using a page token, you cannot specify an arbitrary startIndex',
  )
})

test('a query gives its rows in the order that it asks for', async () => {
  await using bigquery = await openPlan()
  const rows = await bigquery.values('SELECT n FROM shop.plan ORDER BY n DESC LIMIT 3')
  expect(rows).toEqual([['999'], ['998'], ['997']])
})

test('values are written as the API writes them', async () => {
  await using bigquery = await openBigQuery()
  const [row] = await bigquery.values(
    `SELECT 9007199254740993, 1.5, 3.0, TRUE, NULL, 'a"b', DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05.5+00',
       DATETIME '2026-01-02 03:04:05', [1, 2], STRUCT(1 AS a, 'x' AS b), MD5('a'), NUMERIC '1.50'`,
  )
  expect(row).toEqual([
    '9007199254740993', '1.5', '3.0', 'true', null, 'a"b', '2026-01-02', '1.7673230455E9',
    '2026-01-02T03:04:05', [{ v: '1' }, { v: '2' }], { f: [{ v: '1' }, { v: 'x' }] }, 'DMF1ucDxtqgxw5niaXcmYQ==', '1.5',
  ]) // prettier-ignore
})
