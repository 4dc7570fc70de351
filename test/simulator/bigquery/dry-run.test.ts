// A dry run tells type, schema and bytes, or the mistake with its place, and leaves nothing behind.
import { expect, test } from 'vitest'
import { openBigQuery, type OpenBigQuery } from './open-bigquery.ts'

const dry = (bigquery: OpenBigQuery, query: string) =>
  bigquery.insert({ query }, { dryRun: true }, 'dry')

test('a dry run tells the type, the schema and the bytes, and spends no id', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run("CREATE TABLE shop.t AS SELECT 1 AS x, 'four' AS s")
  const { body, status } = await dry(bigquery, 'SELECT x, COUNT(*) FROM shop.t GROUP BY x')
  expect(status).toBe(200)
  expect(body.statistics).toMatchObject({
    totalBytesProcessed: '8',
    query: {
      statementType: 'SELECT',
      schema: {
        fields: [
          { name: 'x', type: 'INTEGER' },
          { name: 'f0_', type: 'INTEGER' },
        ],
      },
    },
  })
  expect((await dry(bigquery, 'SELECT s FROM shop.t')).body.statistics.totalBytesProcessed).toBe(
    '6',
  )
  expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'dry')).status).toBe(200)
})

const types: [string, string][] = [
  ['DELETE FROM shop.t WHERE true', 'DELETE'],
  ['CREATE TABLE shop.u AS SELECT 1 AS x', 'CREATE_TABLE_AS_SELECT'],
  ['SELECT 1; SELECT 2', 'SCRIPT'],
  ['WITH a AS (SELECT 1 AS x) SELECT * FROM a;', 'SELECT'],
]

test.each(types)('a dry run of %s is a %s and does nothing', async (query, type) => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  expect((await dry(bigquery, query)).body.statistics.query?.statementType).toBe(type)
  expect(await bigquery.values('SELECT COUNT(*) FROM shop.t')).toEqual([['1']])
  expect((await bigquery.api('GET', 'datasets/shop/tables/u')).status).toBe(404)
})

const mistakes: [string, string][] = [
  ['SELCT 1', 'Syntax error: Unexpected identifier "SELCT" at [1:1]'],
  ['SELECT\n  nme FROM shop.t', 'Unrecognized name: nme at [2:3]'],
  ['SELECT x FROM shop.t WHERE', 'Syntax error: Unexpected end of script'],
  ["SELECT 'open", 'Syntax error: Unclosed string literal at [1:8]'],
  ['SELECT x FROM t', 'Table "t" must be qualified with a dataset (e.g. dataset.table) at [1:15]'],
  ['SELECT 1 UNION SELECT 2', 'Syntax error: Expected keyword ALL or keyword DISTINCT at [1:16]'],
]

test.each(mistakes)('%s is refused: %s', async (query, message) => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  const { status, body } = await dry(bigquery, query)
  expect(status).toBe(400)
  expect(body.error?.errors[0]?.reason).toBe('invalidQuery')
  expect(body.error?.message).toContain(message)
})

test('a table that is not there is not found', async () => {
  await using bigquery = await openBigQuery()
  expect(await dry(bigquery, 'SELECT 1 FROM shop.none')).toMatchObject({
    status: 404,
    body: {
      error: { message: 'Not found: Table p:shop.none was not found in location asia-northeast1' },
    },
  })
})
