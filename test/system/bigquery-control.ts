// The control API of BigQuery's simulator as system tests need it: faults, jobs, and the tables that are there.
import { vi } from 'vitest'

/** A rule as simulator/bigquery/README.md lists them. */
export interface BigQueryFault {
  on: string
  when?: Record<string, string | number>
  do: string
  reason?: string
  pendingPolls?: number
  runningPolls?: number
}

/** A job as it is, whatever has been told of it. */
export interface BigQueryJob {
  jobId: string
  state: string
  errorResult?: { reason: string }
  configuration: { labels?: Record<string, string> }
}

export interface BigQueryControl {
  addFault(fault: BigQueryFault): Promise<void>
  /** How often the rules have fallen, in the order added. */
  fired(): Promise<number[]>
  clearFaults(): Promise<void>
  /** Jobs of a delivery at one step, or at any. */
  jobs(deliveryId: string, step?: string): Promise<BigQueryJob[]>
  /** Resolves when the last rule that was added has fallen; looks often, for who waits wants to act at that point. */
  untilFired(): Promise<void>
  /** Names of the dataset's tables that begin so. */
  tables(prefix: string): Promise<string[]>
}

const patienceMs = 100_000
const lookEveryMs = 10

export function createBigQueryControl(env: Record<string, string | undefined>): BigQueryControl {
  const endpoint = env.LFM_BIGQUERY_API_ENDPOINT ?? ''

  async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const res = await fetch(`${endpoint}/${path}`, init)
    if (!res.ok) throw new Error(`BigQuery's simulator refuses ${path}: ${res.status}`)
    return res.json()
  }

  const control: BigQueryControl = {
    async addFault(fault) {
      await ask('_sim/bigquery/faults', { method: 'POST', body: JSON.stringify(fault) })
    },
    async fired() {
      const faults = (await ask('_sim/bigquery/faults')) as { fired: number }[]
      return faults.map(({ fired }) => fired)
    },
    async clearFaults() {
      await ask('_sim/bigquery/faults', { method: 'DELETE' })
    },
    async jobs(deliveryId, step) {
      const jobs = (await ask('_sim/bigquery/jobs')) as BigQueryJob[]
      return jobs.filter(({ configuration: { labels = {} } }) => {
        return labels.delivery === deliveryId && (step === undefined || labels.step === step)
      })
    },
    async untilFired() {
      await vi.waitUntil(async () => ((await control.fired()).at(-1) ?? 0) > 0, {
        timeout: patienceMs,
        interval: lookEveryMs,
      })
    },
    async tables(prefix) {
      const { LFM_BIGQUERY_PROJECT: project, LFM_BIGQUERY_DATASET: dataset } = env
      const path = `bigquery/v2/projects/${project}/datasets/${dataset}/tables?maxResults=10000`
      const { tables = [] } = (await ask(path)) as {
        tables?: { tableReference: { tableId: string } }[]
      }
      return tables
        .map(({ tableReference }) => tableReference.tableId)
        .filter((name) => name.startsWith(prefix))
    },
  }
  return control
}
