// What the BigQuery driver does when calls are lost, refused or slow: every step stays the same step.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BigQueryWarehouseOptions } from '../../warehouse/bigquery/warehouse.ts'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { SegmentRefused, type Warehouse } from '../../warehouse/port.ts'
import { openSimulatedBigQuery } from './simulated-bigquery.ts'

describe('a BigQuery warehouse', () => {
  let simulated: Awaited<ReturnType<typeof openSimulatedBigQuery>>
  let warehouse: Warehouse
  beforeEach(async () => {
    simulated = await openSimulatedBigQuery()
    warehouse = simulated.warehouse
  })
  afterEach(() => simulated[Symbol.asyncDispose]())

  const control = (method: string, path: string, body?: unknown) =>
    simulated.control(method, path, body)
  const fault = (rule: object) => simulated.fault(rule)
  const another = (more?: Partial<BigQueryWarehouseOptions>) => simulated.another(more)
  const jobsOf = (step: string) => simulated.jobs(step)
  const jobIds = async (step: string) => (await jobsOf(step)).map(({ jobId }) => jobId)

  const request = (attempt = 'a1', deliveryId = 'd1') => ({
    deliveryId,
    attempt,
    sql: 'SELECT user_id, city FROM friends',
    variables: ['city'],
    deliveryAt,
  })
  const readAll = (from: Warehouse, attempt = 'a1') =>
    from.readRequests({
      deliveryId: 'd1',
      attempt,
      lane: 'multicast',
      fromRequest: 0,
      toRequest: 7,
    })

  const readPush = (from: Warehouse) =>
    from.readRequests({
      deliveryId: 'd1',
      attempt: 'a1',
      lane: 'push',
      fromRequest: 0,
      toRequest: 1,
    })

  describe('freezing', () => {
    test('runs no step twice when every answer to a new job is lost', async () => {
      const undisturbed = await warehouse.freeze(request('a0'))
      await fault({ on: 'jobs.insert', do: 'accept-then-drop-connection', when: { every: 2 } })
      const plan = await warehouse.freeze(request())
      expect({ ...plan, attempt: 'a0' }).toEqual(undisturbed)
      const segments = (await jobIds('segment')).filter((id) => id.includes('_a1_'))
      expect(segments).toHaveLength(1)
    })

    test('by another process finds the jobs of one that was killed', async () => {
      const plan = await warehouse.freeze(request())
      const before = ((await control('GET', 'jobs')) as unknown[]).length
      const again = await another().freeze(request())
      expect(again).toEqual(plan)
      expect(((await control('GET', 'jobs')) as unknown[]).length).toBe(before)
    })

    test('takes a new id only when the job before has failed', async () => {
      await fault({
        on: 'jobs.insert',
        do: 'job-fails',
        when: { jobIdPrefix: `lfm_${simulated.dataset}_d1_a1_people`, times: 2 },
      })
      await warehouse.freeze(request())
      const ids = (await jobIds('people')).map((id) => id.replace(/^.*_people_/, ''))
      expect(ids).toEqual(['0', '1', '2'])
    })

    test('goes through a storm of refusals and lost answers with the same plan', async () => {
      const undisturbed = await warehouse.freeze(request('a0'))
      await fault({ on: 'any', do: 'error', reason: 'rateLimitExceeded', when: { share: 0.15 } })
      await fault({ on: 'any', do: 'error', status: 503, when: { share: 0.15 } })
      await fault({ on: 'any', do: 'half-a-reply', when: { share: 0.05 } })
      const plan = await another().freeze(request())
      expect({ ...plan, attempt: 'a0' }).toEqual(undisturbed)
      expect(await readAll(another())).toHaveLength(7)
    })

    test('takes warnings of a job for no failure', async () => {
      await fault({ on: 'jobs.insert', do: 'job-errors-without-result' })
      expect((await warehouse.freeze(request())).audience.planned).toBe(1200)
    })

    test('that is aborted cancels its job', async () => {
      await warehouse.inspectSegment(request().sql, [])
      await fault({
        on: 'jobs.insert',
        do: 'job-stays',
        runningPolls: 1_000_000,
        when: { jobIdPrefix: `lfm_${simulated.dataset}_d1_a1_segment` },
      })
      const abort = new AbortController()
      const reason = new Error('The delivery was cancelled.')
      const freezing = warehouse.freeze(request(), abort.signal)
      while ((await jobIds('segment')).length === 0) await new Promise(setImmediate)
      abort.abort(reason)
      await expect(freezing).rejects.toBe(reason)
      expect(await control('GET', 'calls?route=jobs.cancel')).toHaveLength(1)
    })

    test('that stalls and wakes up after another attempt won changes nothing of its plan', async () => {
      await warehouse.inspectSegment(request().sql, [])
      await fault({
        on: 'jobs.insert',
        do: 'job-stays',
        runningPolls: 40,
        when: { jobIdPrefix: `lfm_${simulated.dataset}_d1_a1_people` },
      })
      const stalled = another().freeze(request('a1'))
      const won = await warehouse.freeze(request('a2'))
      await warehouse.dropOtherAttempts('d1', 'a2')
      const before = await readAll(warehouse, 'a2')
      await stalled.catch(() => undefined)
      expect(await readAll(another(), 'a2')).toEqual(before)
      expect(won.audience.planned).toBe(1200)
    })

    test('labels each job and bounds what it may be billed', async () => {
      await warehouse.freeze({ ...request(), campaignId: 'Spring 2026' })
      for (const { configuration } of await jobsOf('people')) {
        expect(configuration).toMatchObject({
          labels: { app: 'lfm', step: 'people', delivery: 'd1', campaign: 'spring_2026' },
          query: { maximumBytesBilled: '1000000000' },
        })
      }
    })
  })

  describe('variables', () => {
    test('are the bytes that the embedded warehouse writes', async () => {
      const sql = `SELECT '${userId(1)}' AS user_id, 'a"\\\\b\\n\\u001f\\u2028é<>&' AS t, 9007199254740993 AS big, 12 AS small,
        1.5 AS f, 2.0 AS whole, TRUE AS yes, DATE '2026-01-02' AS day, CAST(NULL AS STRING) AS nothing,
        TIMESTAMP '2026-01-02 03:04:05.12+00' AS instant, NUMERIC '1.50' AS n`
      const variables = ['t', 'big', 'small', 'f', 'whole', 'yes', 'day', 'nothing', 'instant', 'n']
      await warehouse.freeze({ ...request(), sql, variables })
      const range = { deliveryId: 'd1', attempt: 'a1', lane: 'push', fromRequest: 0 } as const
      const [read] = await warehouse.readRequests({ ...range, toRequest: 1 })
      expect(read?.variables).toBe(
        `{"big":"9007199254740993","day":"2026-01-02","f":1.5,"instant":"2026-01-02T03:04:05.12Z","n":1.5,"nothing":null,"small":12,"t":"a\\"\\\\b\\n\\u001F\u2028é<>&","whole":2.0,"yes":true}`,
      )
    })
  })

  describe('reading', () => {
    test('puts rows of any order and pages of any length together', async () => {
      await warehouse.freeze(request())
      const whole = await readAll(warehouse)
      await control('PATCH', 'settings', { shortPages: 1, maxPageRows: 50 })
      expect(await readAll(another())).toEqual(whole)
      expect(whole.map(({ userIds }) => userIds.length)).toEqual([
        172, 172, 172, 171, 171, 171, 171,
      ])
    })

    test('by queries gives the same', async () => {
      await warehouse.freeze(request())
      expect(await readAll(another({ readBy: 'query' }))).toEqual(await readAll(warehouse))
    })

    test.each(['list', 'query'] as const)(
      'of a plan that has expired asks for a person, read by %s and known from before or not',
      async (readBy) => {
        await warehouse.freeze(request())
        const knowing = another({ readBy })
        const range = { deliveryId: 'd1', attempt: 'a1', lane: 'multicast', toRequest: 7 } as const
        await knowing.readRequests({ ...range, fromRequest: 6 })
        await control('POST', 'clock', { advanceMs: 31 * 24 * 60 * 60 * 1000 })
        for (const reader of [another({ readBy }), knowing]) {
          // What it holds in memory it may still read; another lane's partition it may not.
          const reading = reader === knowing ? readPush(reader) : readAll(reader)
          await expect(reading).rejects.toMatchObject({
            name: 'PersonNeeded',
            reason: 'plan-gone',
            message: expect.stringMatching(
              /does not hold .* have expired.*resume.*cancel/,
            ) as string,
          })
        }
      },
    )

    test('that is no longer allowed asks for a person', async () => {
      await warehouse.freeze(request())
      await fault({ on: 'tabledata.list', do: 'error', reason: 'accessDenied' })
      await expect(readAll(another())).rejects.toMatchObject({
        name: 'PersonNeeded',
        reason: 'no-access',
      })
    })
  })

  describe('refuses in one sentence', () => {
    const refusal = async (by: Warehouse, sql = 'SELECT user_id FROM friends') => {
      const error: unknown = await by.inspectSegment(sql, []).catch((reason: unknown) => reason)
      if (error instanceof SegmentRefused) return error
      throw new Error(`Not refused: ${String(error)}`)
    }

    test('a segment over the byte limit, before it runs', async () => {
      await warehouse.inspectSegment(request().sql, [])
      const error = await refusal(another({ maximumBytesBilled: 100 }))
      expect(error.reason).toBe('too-much-data')
      expect(error.message).toMatch(/would read .* GB.*LFM_BIGQUERY_MAXIMUM_BYTES_BILLED/)
    })

    test('a dataset that is not there', async () => {
      const error = await refusal(another({ dataset: 'nowhere' }))
      expect(error.message).toMatch(/has no dataset nowhere.*bq --location=asia-northeast1 mk/)
    })

    test('a location that is not the dataset’s', async () => {
      const error = await refusal(another({ location: 'US' }))
      expect(error.message).toMatch(/lies in asia-northeast1.*LFM_BIGQUERY_LOCATION is US/)
    })

    test('a table of a dataset that is not there', async () => {
      const error = await refusal(warehouse, 'SELECT user_id FROM elsewhere.friends')
      expect(error.message).toMatch(/elsewhere/)
    })

    test('missing rights', async () => {
      await fault({ on: 'datasets.get', do: 'error', reason: 'accessDenied' })
      const error = await refusal(another())
      expect(error.message).toMatch(/roles\/bigquery.dataEditor/)
    })
  })
})
