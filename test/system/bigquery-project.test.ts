// A small delivery from a real project of BigQuery to a simulated LINE, where the environment names one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type BigQueryProject,
  namedProject,
  skipWithoutProject,
} from '../warehouse/bigquery-project.ts'
import { openBigQueryUnderTest } from '../warehouse/bigquery-under-test.ts'
import { friendId, type RunningSystem, startSystem } from './running-system.ts'

const friends = 2_000
/** BigQuery takes seconds for each of some twenty jobs, whatever their size. */
const patienceMs = 540_000

function describeDelivery(where: BigQueryProject): void {
  let system: RunningSystem
  let dataset: Awaited<ReturnType<typeof openBigQueryUnderTest>>

  beforeAll(async () => {
    dataset = await openBigQueryUnderTest(where)
    const rows = Array.from({ length: friends }, (_, n) => ({
      user_id: friendId(n),
      name: n < 50 ? `Friend ${n}` : 'friend',
    }))
    await dataset.loadTable('friends', rows)
    system = await startSystem({
      friends,
      patienceMs,
      env: {
        LFM_WAREHOUSE: 'bigquery',
        LFM_BIGQUERY_PROJECT: where.project,
        LFM_BIGQUERY_LOCATION: where.location,
        LFM_BIGQUERY_DATASET: dataset.dataset,
        ...(where.apiEndpoint !== undefined && { LFM_BIGQUERY_API_ENDPOINT: where.apiEndpoint }),
      },
    })
  })
  afterAll(async () => {
    await system[Symbol.asyncDispose]()
    await dataset.dispose()
  })

  test('everybody on both lanes is reached once', async () => {
    const sql = 'SELECT user_id, name FROM friends'
    const delivery = await system.deliver({ sql, text: 'Hello {{ name }}' })
    const account = { planned: friends, accepted: friends }
    const { state, plan } = await system.expectExact(delivery, account)
    expect(state).toBe('done')
    expect(plan?.requests).toEqual({ multicast: 4, push: 50 })
  })
}

const where = namedProject()

if (where)
  describe(`a delivery from BigQuery, in project ${where.project}`, () => describeDelivery(where))
else describe('a delivery from a real project of BigQuery', skipWithoutProject)
