// Load jobs: uploads in one piece or in chunks come as a whole or not at all, each id once.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openBigQuery, TOKYO, type JobReply } from './open-bigquery.ts'

const fields = [
  { name: 'id', type: 'STRING', mode: 'REQUIRED' },
  { name: 'n', type: 'INT64' },
  { name: 'seen', type: 'TIMESTAMP' },
]
const load = (more: object = {}) => ({
  load: {
    destinationTable: { projectId: 'p', datasetId: 'shop', tableId: 't' },
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    schema: { fields },
    ...more,
  },
})
const LINES = '{"id":"a","n":1,"seen":"2026-01-02T03:04:05Z"}\n{"id":"b","n":"2"}\n'

test('lines are loaded, gzipped or not, and an id loads once', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.multipart(load(), LINES, 'one')
  expect((await bigquery.ended('one')).statistics.load?.outputRows).toBe('2')
  expect((await bigquery.multipart(load(), LINES, 'one')).status).toBe(409)
  await bigquery.multipart(load(), gzipSync(LINES), 'two')
  await bigquery.ended('two')
  expect(
    await bigquery.values('SELECT id, SUM(n), COUNT(seen) FROM shop.t GROUP BY id ORDER BY id'),
  ).toEqual([
    ['a', '2', '2'],
    ['b', '4', '0'],
  ])
})

const bad: [string, string, string][] = [
  ['a line that is no JSON', '{"id":"a"}\n{"id":\n', 'Error while reading data'],
  ['a field that the schema lacks', '{"id":"a","x":1}\n', 'No such field: x'],
  ['a value of another type', '{"id":"a","n":"many"}\n', 'Bad int64 value: many'],
  ['a required field that is missing', '{"n":1}\n', 'Required field id cannot be null'],
]

test.each(bad)('%s fails the load and loads nothing', async (_, lines, message) => {
  await using bigquery = await openBigQuery()
  await bigquery.multipart(load(), lines, 'bad')
  const { status } = await bigquery.ended('bad')
  expect(status.errorResult?.reason).toBe('invalid')
  expect(status.errorResult?.message).toContain(message)
  expect((await bigquery.api('GET', 'datasets/shop/tables/t')).status).toBe(404)
})

test('an upload that is cut makes no job', async () => {
  await using bigquery = await openBigQuery()
  const cut = await bigquery.call(
    'POST',
    '/upload/bigquery/v2/projects/p/jobs?uploadType=multipart',
    '--x\r\n\r\n{}\r\n--x\r\n\r\n{"id"',
    {
      'content-type': 'multipart/related; boundary=x',
    },
  )
  expect(cut.status).toBe(400)
  expect((await bigquery.control<unknown[]>('GET', 'jobs')).body).toEqual([])
})

test('a resumable upload goes on where it stopped and answers its end again', async () => {
  await using bigquery = await openBigQuery()
  const begun = await bigquery.call(
    'POST',
    '/upload/bigquery/v2/projects/p/jobs?uploadType=resumable',
    {
      jobReference: { projectId: 'p', jobId: 'chunks', location: TOKYO },
      configuration: load(),
    },
  )
  const place = String(begun.headers.location)
  const put = (data: string, range: string) =>
    bigquery.call<JobReply>('PUT', place, Buffer.from(data), { 'content-range': range })
  const size = LINES.length
  expect(await put(LINES.slice(0, 20), `bytes 0-19/${size}`)).toMatchObject({
    status: 308,
    headers: { range: 'bytes=0-19' },
  })
  expect(await put('', `bytes */${size}`)).toMatchObject({
    status: 308,
    headers: { range: 'bytes=0-19' },
  })
  expect((await put(LINES.slice(20), `bytes 20-${size - 1}/${size}`)).status).toBe(200)
  expect((await put('', `bytes */${size}`)).body.jobReference.jobId).toBe('chunks')
  expect((await bigquery.ended('chunks')).statistics.load?.outputRows).toBe('2')
})

test('a Parquet file is loaded with its own types', async () => {
  await using bigquery = await openBigQuery()
  const folder = await mkdtemp(`${tmpdir()}/parquet-`)
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT 'a' AS id, 7::BIGINT AS n) TO '${folder}/x.parquet' (FORMAT parquet)`,
  )
  connection.closeSync()
  instance.closeSync()
  await bigquery.multipart(
    load({ sourceFormat: 'PARQUET', schema: undefined }),
    await readFile(`${folder}/x.parquet`),
    'parquet',
  )
  await rm(folder, { recursive: true })
  expect((await bigquery.ended('parquet')).status.errorResult).toBeUndefined()
  expect(await bigquery.values('SELECT id, n FROM shop.t')).toEqual([['a', '7']])
})

test('loads into a table are counted by day and refused above the quota', async () => {
  await using bigquery = await openBigQuery({ settings: { tableModificationsPerDay: 2 } })
  for (const id of ['a', 'b', 'c']) await bigquery.multipart(load(), LINES, id)
  expect((await bigquery.ended('c')).status.errorResult?.reason).toBe('quotaExceeded')
  expect((await bigquery.control('GET', 'quotas')).body).toMatchObject({
    limit: 2,
    today: { 'p:shop.t': { loads: 2, modifications: 2 } },
  })
  await bigquery.control('POST', 'clock', { advanceMs: 24 * 3_600_000 })
  await bigquery.multipart(load(), LINES, 'd')
  expect((await bigquery.ended('d')).status.errorResult).toBeUndefined()
})
