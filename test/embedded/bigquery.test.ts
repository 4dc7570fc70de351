// The simulator of BigQuery as a part of the embedded start.
import { expect, onTestFinished, test } from 'vitest'
import { readSettings } from '../../config/env.ts'
import { startEmbedded } from '../../embedded/start.ts'
import { temporaryFolder } from './folder.ts'

/** Without PostgreSQL, Temporal and our own programs, which are nothing to this. */
const env = {
  DATABASE_URL: 'postgres://x/y',
  TEMPORAL_ADDRESS: 'x:1',
  // A company's own, which no demo may reach.
  LFM_WAREHOUSE: 'bigquery',
  LFM_BIGQUERY_PROJECT: 'shop-line',
  LFM_BIGQUERY_LOCATION: 'US',
  LFM_BIGQUERY_DATASET: 'production',
}

async function start(dataDir: string) {
  const embedded = await startEmbedded({
    env,
    dataDir,
    withBigQuery: true,
    processes: { simulator: 0, worker: 0, api: 0 },
    restartPolicy: 'never',
    migrate: async () => undefined,
  })
  onTestFinished(() => embedded.stop())
  return embedded
}

async function datasets(url: string | undefined): Promise<string[]> {
  const answer = await fetch(`${url}/bigquery/v2/projects/lfm-simulated/datasets`)
  const { datasets = [] } = (await answer.json()) as { datasets?: { id: string }[] }
  return datasets.map(({ id }) => id)
}

test('the simulator of BigQuery is the warehouse of all parts, whatever the environment names', async () => {
  const { addresses, env: given, processes } = await start(temporaryFolder())
  expect(processes().map(({ name }) => name)).toEqual(['bigquery'])
  expect(readSettings(given).warehouse).toMatchObject({
    kind: 'bigquery',
    project: 'lfm-simulated',
    apiEndpoint: addresses.bigQuery,
  })
  expect(await datasets(addresses.bigQuery)).toEqual(['lfm-simulated:lfm'])
})

test('what it holds outlives kill -9 and a start of all parts', async () => {
  const dataDir = temporaryFolder()
  const first = await start(dataDir)
  const tables = (url: string | undefined) =>
    `${url}/bigquery/v2/projects/lfm-simulated/datasets/lfm/tables`
  await fetch(tables(first.addresses.bigQuery), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      tableReference: { projectId: 'lfm-simulated', datasetId: 'lfm', tableId: 'friends' },
      schema: { fields: [{ name: 'user_id', type: 'STRING' }] },
    }),
  })
  await first.kill('bigquery', 'SIGKILL')
  await first.restart('bigquery')
  expect((await fetch(`${tables(first.addresses.bigQuery)}/friends`)).status).toBe(200)
  await first.stop()
  const second = await start(dataDir)
  expect((await fetch(`${tables(second.addresses.bigQuery)}/friends`)).status).toBe(200)
})
