// Tables: made by DDL or by call, told with their layout, and gone when they expire.
import { expect, test } from 'vitest'
import { openBigQuery } from './open-bigquery.ts'

test('CREATE TABLE AS keeps partitions, clusters, expiry and labels', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run(
    `CREATE TABLE shop.t PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 100, 10)) CLUSTER BY s
     OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY), labels = [('app', 'lfm')], description = 'a plan')
     AS SELECT x AS n, 'a' AS s FROM UNNEST(GENERATE_ARRAY(0, 99)) AS x`,
  )
  const { body } = await bigquery.api('GET', 'datasets/shop/tables/t')
  expect(body).toMatchObject({
    numRows: '100',
    labels: { app: 'lfm' },
    description: 'a plan',
    clustering: { fields: ['s'] },
    rangePartitioning: { field: 'n', range: { start: '0', end: '100', interval: '10' } },
    schema: {
      fields: [
        { name: 'n', type: 'INTEGER' },
        { name: 's', type: 'STRING' },
      ],
    },
  })
  expect(Number(body.expirationTime) - Date.now()).toBeGreaterThan(23 * 3_600_000)
})

test('an expired table is not found, and its name is free again', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  await bigquery.api('PATCH', 'datasets/shop/tables/t', {
    expirationTime: String(Date.now() + 60_000),
  })
  await bigquery.control('POST', 'clock', { advanceMs: 61_000 })
  expect((await bigquery.api('GET', 'datasets/shop/tables/t')).status).toBe(404)
  expect((await bigquery.run('SELECT x FROM shop.t')).status.errorResult?.reason).toBe('notFound')
  expect(
    (await bigquery.run('CREATE TABLE shop.t AS SELECT 2 AS x')).status.errorResult,
  ).toBeUndefined()
})

test('a table that is there is not made twice', async () => {
  await using bigquery = await openBigQuery()
  const body = {
    tableReference: { tableId: 't' },
    schema: { fields: [{ name: 'x', type: 'INT64' }] },
  }
  expect((await bigquery.api('POST', 'datasets/shop/tables', body)).status).toBe(200)
  expect((await bigquery.api('POST', 'datasets/shop/tables', body)).status).toBe(409)
  const job = await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  expect(job.status.errorResult?.reason).toBe('duplicate')
  expect(
    (await bigquery.run('CREATE TABLE IF NOT EXISTS shop.t AS SELECT 1 AS x')).status.errorResult,
  ).toBeUndefined()
})

test('tables are listed page by page and deleted', async () => {
  await using bigquery = await openBigQuery()
  for (const name of ['a', 'b', 'c'])
    await bigquery.run(`CREATE TABLE shop.${name} AS SELECT 1 AS x`)
  const { body } = await bigquery.api<{
    tables: { tableReference: { tableId: string } }[]
    nextPageToken: string
  }>('GET', 'datasets/shop/tables?maxResults=2')
  expect(body.tables.map(({ tableReference }) => tableReference.tableId)).toEqual(['a', 'b'])
  expect((await bigquery.api('DELETE', 'datasets/shop/tables/a')).status).toBe(204)
  expect((await bigquery.api('DELETE', 'datasets/shop/tables/a')).status).toBe(404)
})

test('a job that writes too many partitions is refused', async () => {
  await using bigquery = await openBigQuery({
    settings: { partitionsPerJob: 5, partitionsPerTable: 20 },
  })
  const made = (partitions: number) =>
    bigquery.run(
      `CREATE OR REPLACE TABLE shop.t PARTITION BY RANGE_BUCKET(x, GENERATE_ARRAY(0, ${partitions}, 1)) AS SELECT x FROM UNNEST(GENERATE_ARRAY(0, ${partitions - 1})) AS x`,
    )
  expect((await made(5)).status.errorResult).toBeUndefined()
  expect((await made(6)).status.errorResult?.message).toContain(
    'Too many partitions produced by query, allowed 5',
  )
  expect((await made(21)).status.errorResult?.message).toContain('the limit is 20')
})

test('a query that appends to REQUIRED columns is refused, DML is not', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t (x INT64 NOT NULL)')
  const destinationTable = { projectId: 'p', datasetId: 'shop', tableId: 't' }
  const job = await bigquery.run('SELECT 1 AS x', {
    destinationTable,
    writeDisposition: 'WRITE_APPEND',
  })
  expect(job.status.errorResult?.message).toContain('has changed mode from REQUIRED to NULLABLE')
  expect((await bigquery.run('INSERT INTO shop.t (x) SELECT 1')).status.errorResult).toBeUndefined()
})
