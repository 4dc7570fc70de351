// A simulated BigQuery with 1,200 friends in a dataset of its own, and ways to make it fail and to look at its jobs.
import { createBigQuerySimulator } from '../../simulator/bigquery/simulator.ts'
import {
  createBigQueryWarehouse,
  type BigQueryWarehouseOptions,
} from '../../warehouse/bigquery/warehouse.ts'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { type OutcomeRow, type Warehouse } from '../../warehouse/port.ts'
import { openBigQueryUnderTest } from './bigquery-under-test.ts'

export interface SimulatedJob {
  jobId: string
  configuration: { labels?: Record<string, string> }
}

export async function openSimulatedBigQuery(more: Partial<BigQueryWarehouseOptions> = {}) {
  const simulator = createBigQuerySimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  const apiEndpoint = `http://127.0.0.1:${port}`
  const where = { project: 'shop', location: 'asia-northeast1', patienceMs: 5, apiEndpoint }
  const made = await openBigQueryUnderTest(where, more)
  const options = { ...where, dataset: made.dataset, maximumBytesBilled: 1e9, ...more }
  const opened: Warehouse[] = []

  async function control(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${apiEndpoint}/_sim/bigquery/${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
    const told: unknown = await answer.json()
    if (!answer.ok) throw new Error(JSON.stringify(told))
    return told
  }
  const friends = (cities = 7) =>
    made.loadTable(
      'friends',
      Array.from({ length: 1200 }, (_, n) => ({ user_id: userId(n), city: `c${n % cities}` })),
    )
  await friends()
  return {
    warehouse: made.warehouse,
    dataset: made.dataset,
    /** What a warehouse on it is made from. */
    options,
    control,
    /** Replaces the friends; they live in so many cities. */
    friends,
    fault: (rule: object) => control('POST', 'faults', rule),
    /** Jobs of a step, or all; those that tests and views are made by are left out. */
    async jobs(step?: string): Promise<SimulatedJob[]> {
      return ((await control('GET', 'jobs')) as SimulatedJob[]).filter(({ configuration }) => {
        const made = configuration.labels?.['step']
        return step === undefined ? made !== 'test' && made !== 'view' : made === step
      })
    },
    async dropTable(table: string): Promise<void> {
      const path = `projects/shop/datasets/${made.dataset}/tables/${table}`
      await fetch(`${apiEndpoint}/bigquery/v2/${path}`, { method: 'DELETE' })
    },
    /** Another process on the same dataset. */
    another(other: Partial<BigQueryWarehouseOptions> = {}): Warehouse {
      const warehouse = createBigQueryWarehouse({ ...options, ...other })
      opened.push(warehouse)
      return warehouse
    },
    async [Symbol.asyncDispose]() {
      await control('DELETE', 'faults')
      for (const other of opened) await other.close()
      await made.dispose()
      await simulator.close()
    },
  }
}

/** Outcomes of the first multicasts of a plan that groups all friends by their seven cities: everybody accepted. */
export function acceptedRequests(requests: number): OutcomeRow[] {
  return Array.from({ length: requests }, (_, requestNo) => ({
    lane: 'multicast',
    requestNo,
    fromOrdinal: 0,
    toOrdinal: requestNo < 3 ? 172 : 171,
    outcome: 'accepted',
    lineRequestId: null,
    retryKey: null,
    at: deliveryAt,
    reason: null,
  }))
}
