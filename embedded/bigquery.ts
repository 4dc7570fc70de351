// The simulator of BigQuery as a part: its process, its dataset, and the settings that make it the warehouse.
import { join } from 'node:path'
import { type Launcher } from './launch.ts'
import { nodePart } from './node-part.ts'
import { type Environment } from './settle.ts'
import { type Part } from './supervise.ts'

/** Names that everybody sees to be no company's. */
const place = { project: 'lfm-simulated', location: 'asia-northeast1', dataset: 'lfm' }

/** The settings of a warehouse on the simulator at this port; whatever the environment names besides gives way. */
export function simulatedBigQuery(port: number): Environment {
  return {
    LFM_WAREHOUSE: 'bigquery',
    LFM_BIGQUERY_PROJECT: place.project,
    LFM_BIGQUERY_LOCATION: place.location,
    LFM_BIGQUERY_DATASET: place.dataset,
    LFM_BIGQUERY_API_ENDPOINT: endpointAt(port),
  }
}

/** The simulator's URL. */
export function endpointAt(port: number): string {
  return `http://127.0.0.1:${port}`
}

export interface BigQueryPart {
  /** Absolute path of the simulator's main.ts. */
  entry: string
  dataDir: string
  port: number
  env: NodeJS.ProcessEnv
  graceMs: number
}

/** Ready when the dataset is there, as an administrator would have made it. */
export function bigQueryPart(launcher: Launcher, options: BigQueryPart): Part {
  const { dataDir, port, ...program } = options
  const args = ['--port', String(port), '--data', join(dataDir, 'bigquery')]
  const part = nodePart(launcher, { ...program, name: 'bigquery', args })
  return {
    name: part.name,
    async start(signal) {
      const running = await part.start(signal)
      await ensureDataset(endpointAt(port)).catch(async (error: unknown) => {
        await running.stop()
        throw error
      })
      return running
    },
  }
}

async function ensureDataset(endpoint: string): Promise<void> {
  const { project, location, dataset } = place
  const answer = await fetch(`${endpoint}/bigquery/v2/projects/${project}/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      datasetReference: { projectId: project, datasetId: dataset },
      location,
    }),
  })
  // 409: an earlier start has made it.
  if (!answer.ok && answer.status !== 409)
    throw new Error(`The simulator of BigQuery makes no dataset: ${answer.status}.`)
}
