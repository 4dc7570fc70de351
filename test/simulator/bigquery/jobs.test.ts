// Jobs: an id is used once, a state is seen by looking, and what was asked to end ends.
import { expect, test } from 'vitest'
import { openBigQuery, TOKYO, type JobReply } from './open-bigquery.ts'

const table = (tableId: string) => ({ projectId: 'p', datasetId: 'shop', tableId })

test('an id is taken once in a location, whatever became of its job', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.insert({ query: 'SELECT nothing FROM nowhere' }, {}, 'a')
  const again = await bigquery.insert({ query: 'SELECT 1' }, {}, 'a')
  expect(again).toMatchObject({
    status: 409,
    body: {
      error: { message: `Already Exists: Job p:${TOKYO}.a`, errors: [{ reason: 'duplicate' }] },
    },
  })
  expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'a', 'EU')).status).toBe(200)
})

test('a job is found only with its location, but in the multi-regions without one', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.insert({ query: 'SELECT 1' }, {}, 'tokyo')
  await bigquery.insert({ query: 'SELECT 1' }, {}, 'states', 'US')
  expect((await bigquery.api('GET', 'jobs/tokyo')).status).toBe(404)
  expect((await bigquery.api('GET', 'jobs/tokyo?location=US')).status).toBe(404)
  expect((await bigquery.api('GET', `jobs/tokyo?location=${TOKYO}`)).status).toBe(200)
  expect((await bigquery.api('GET', 'jobs/states')).status).toBe(200)
})

test('a job that is made to wait does nothing before its polls are over', async () => {
  await using bigquery = await openBigQuery({ settings: { pendingPolls: 2, runningPolls: 1 } })
  await bigquery.insert({ query: 'CREATE TABLE shop.made AS SELECT 1 AS x' }, {}, 'slow')
  const states: string[] = []
  expect((await bigquery.api('GET', 'datasets/shop/tables/made')).status).toBe(404)
  while (states.at(-1) !== 'DONE') {
    const { body } = await bigquery.api<JobReply>('GET', `jobs/slow?location=${TOKYO}`)
    states.push(body.status.state)
  }
  expect(states.slice(0, 3)).toEqual(['PENDING', 'PENDING', 'RUNNING'])
  expect((await bigquery.api('GET', 'datasets/shop/tables/made')).status).toBe(200)
})

test('a job that is cancelled while it waits never runs', async () => {
  await using bigquery = await openBigQuery({ settings: { pendingPolls: 5 } })
  await bigquery.insert({ query: 'CREATE TABLE shop.made AS SELECT 1 AS x' }, {}, 'cancelled')
  expect((await bigquery.api('POST', `jobs/cancelled/cancel?location=${TOKYO}`)).status).toBe(200)
  expect((await bigquery.ended('cancelled')).status.errorResult?.reason).toBe('stopped')
  expect((await bigquery.api('GET', 'datasets/shop/tables/made')).status).toBe(404)
})

test('a running query is interrupted by a cancel', async () => {
  await using bigquery = await openBigQuery()
  const all = 'UNNEST(GENERATE_ARRAY(1, 1000000))'
  await bigquery.insert(
    { query: `SELECT COUNT(*) FROM ${all} AS a, ${all} AS b WHERE a < b` },
    {},
    'long',
  )
  await bigquery.api('POST', `jobs/long/cancel?location=${TOKYO}`)
  expect((await bigquery.ended('long')).status.errorResult?.reason).toBe('stopped')
})

test('a second job into a filled table fails, unless it says what to do with it', async () => {
  await using bigquery = await openBigQuery()
  const into = (query: string, writeDisposition?: string) =>
    bigquery.run(query, {
      destinationTable: table('t'),
      ...(writeDisposition && { writeDisposition }),
    })
  const count = () => bigquery.values('SELECT COUNT(*) FROM shop.t')
  expect((await into('SELECT 1 AS x')).status.errorResult).toBeUndefined()
  expect((await into('SELECT 2 AS x')).status.errorResult).toMatchObject({
    reason: 'duplicate',
    message: 'Already Exists: Table p:shop.t',
  })
  await into('SELECT 2 AS x', 'WRITE_APPEND')
  expect(await count()).toEqual([['2']])
  await into('SELECT 3 AS x', 'WRITE_TRUNCATE')
  expect(await count()).toEqual([['1']])
  const changed = await into("SELECT 'three' AS x", 'WRITE_APPEND')
  expect(changed.status.errorResult?.message).toContain('Provided Schema does not match')
})

test('a table that must be there is not made', async () => {
  await using bigquery = await openBigQuery()
  const job = await bigquery.run('SELECT 1 AS x', {
    destinationTable: table('none'),
    createDisposition: 'CREATE_NEVER',
  })
  expect(job.status.errorResult?.reason).toBe('notFound')
})

test('a query over its limit of bytes is refused and does nothing', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  const job = await bigquery.run('SELECT x FROM shop.t', { maximumBytesBilled: '10' })
  expect(job.status.errorResult).toMatchObject({
    reason: 'bytesBilledLimitExceeded',
    message: 'Query exceeded limit for bytes billed: 10. 10485760 or higher required.',
  })
})

test('a job in another location than its tables does not find them', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t AS SELECT 1 AS x')
  await bigquery.insert({ query: 'SELECT x FROM shop.t' }, {}, 'far', 'EU')
  expect((await bigquery.ended('far', 'EU')).status.errorResult).toMatchObject({
    reason: 'notFound',
    message: 'Not found: Dataset p:shop was not found in location EU',
  })
})

test('a job, its table and its id outlive a restart on a folder', async () => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const data = await mkdtemp(`${tmpdir()}/bigquery-test-`)
  {
    await using bigquery = await openBigQuery({ data })
    await bigquery.insert({ query: 'CREATE TABLE shop.t AS SELECT 7 AS x' }, {}, 'before')
    await bigquery.ended('before')
  }
  {
    await using bigquery = await openBigQuery({ data })
    expect(await bigquery.values('SELECT x FROM shop.t')).toEqual([['7']])
    expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'before')).status).toBe(409)
    expect((await bigquery.ended('before')).status.state).toBe('DONE')
  }
  await rm(data, { recursive: true })
})
