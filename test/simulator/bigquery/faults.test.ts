// Faults: each does what its name says on the calls that its rule names, and the jobs tell the truth after.
import { expect, test } from 'vitest'
import { openBigQuery, TOKYO, type OpenBigQuery } from './open-bigquery.ts'

const post = (bigquery: OpenBigQuery, fault: object) => bigquery.control('POST', 'faults', fault)
const status = async (call: Promise<{ status: number }>) =>
  (await call.catch(() => ({ status: 0 }))).status

const errors: [string, number][] = [
  ['rateLimitExceeded', 403],
  ['quotaExceeded', 403],
  ['accessDenied', 403],
  ['backendError', 503],
  ['internalError', 500],
]

test.each(errors)('%s is answered with %i, and nothing was accepted', async (reason, expected) => {
  await using bigquery = await openBigQuery()
  await post(bigquery, { on: 'jobs.insert', when: { times: 1 }, do: 'error', reason })
  const first = await bigquery.insert({ query: 'SELECT 1' }, {}, 'a')
  expect(first.status).toBe(expected)
  expect(first.body.error?.errors[0]?.reason).toBe(reason)
  expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'a')).status).toBe(200)
})

const cuts: [string, number, number][] = [
  ['drop-before-accept', 0, 200],
  ['accept-then-drop-connection', 0, 409],
  ['half-a-reply', 0, 409],
  ['error-after-accept', 503, 409],
]

test.each(cuts)('%s answers %i, and the same id then %i', async (kind, first, again) => {
  await using bigquery = await openBigQuery()
  await post(bigquery, { on: 'jobs.insert', when: { times: 1 }, do: kind })
  const insert = () => status(bigquery.insert({ query: 'SELECT 1' }, {}, 'a'))
  expect(await insert()).toBe(first)
  expect(await insert()).toBe(again)
})

test('a job may fail before it does anything, and its id is spent', async () => {
  await using bigquery = await openBigQuery()
  await post(bigquery, {
    on: 'jobs.insert',
    when: { jobIdPrefix: 'cut_' },
    do: 'job-fails',
    reason: 'backendError',
  })
  await bigquery.insert({ query: 'CREATE TABLE shop.t AS SELECT 1 AS x' }, {}, 'cut_0')
  expect((await bigquery.ended('cut_0')).status.errorResult?.reason).toBe('backendError')
  expect((await bigquery.api('GET', 'datasets/shop/tables/t')).status).toBe(404)
  expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'cut_0')).status).toBe(409)
  expect((await bigquery.insert({ query: 'SELECT 1' }, {}, 'other')).status).toBe(200)
})

test('a job may have errors and yet not have failed', async () => {
  await using bigquery = await openBigQuery()
  await post(bigquery, { on: 'jobs.insert', do: 'job-errors-without-result' })
  await bigquery.insert({ query: 'SELECT 1' }, {}, 'a')
  const { status: found } = await bigquery.ended('a')
  expect(found.errors).toHaveLength(1)
  expect(found.errorResult).toBeUndefined()
})

test('one job may stay while others go on', async () => {
  await using bigquery = await openBigQuery()
  await post(bigquery, { on: 'jobs.insert', when: { nth: 1 }, do: 'job-stays', runningPolls: 3 })
  await bigquery.insert({ query: 'SELECT 1' }, {}, 'slow')
  const results = await bigquery.rows(`queries/slow?location=${TOKYO}`)
  expect(results.body.jobComplete).toBe(false)
  expect((await bigquery.ended('slow')).status.state).toBe('DONE')
})

test('calls are counted by kind, and a fault is listed with what it did', async () => {
  await using bigquery = await openBigQuery()
  await post(bigquery, {
    on: 'jobs.get',
    when: { every: 2 },
    do: 'error',
    reason: 'rateLimitExceeded',
  })
  await bigquery.insert({ query: 'SELECT 1' }, {}, 'a')
  for (let n = 0; n < 4; n++) await bigquery.api('GET', `jobs/a?location=${TOKYO}`)
  expect((await bigquery.control('GET', 'faults')).body).toMatchObject([{ seen: 4, fired: 2 }])
  expect((await bigquery.control('GET', 'stats')).body).toMatchObject({
    calls: { 'jobs.get': { calls: 4, statuses: { 200: 2, 403: 2 } }, 'jobs.insert': { calls: 1 } },
  })
  await bigquery.control('DELETE', 'faults')
  expect((await bigquery.api('GET', `jobs/a?location=${TOKYO}`)).status).toBe(200)
})

test('a rule that can not be is refused at its place', async () => {
  await using bigquery = await openBigQuery()
  expect(await post(bigquery, { on: 'jobs.get', do: 'explode' })).toMatchObject({
    status: 400,
    body: { pointer: '/do' },
  })
})

test('a token may be demanded', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.control('PATCH', 'settings', { requireToken: 'secret' })
  expect((await bigquery.api('GET', 'datasets/shop')).status).toBe(401)
  const path = '/bigquery/v2/projects/p/datasets/shop'
  expect(
    (await bigquery.call('GET', path, undefined, { authorization: 'Bearer secret' })).status,
  ).toBe(200)
})
