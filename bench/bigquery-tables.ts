// Gives Parquet files to the simulated BigQuery as tables, by load jobs of Google's own client.
import { BigQuery } from '@google-cloud/bigquery'
import { OAuth2Client } from 'google-auth-library'
import { readSettings } from '../config/env.ts'
import { isLoopback } from './simulated-line.ts'

/**
 * Loads each file as a table of the dataset that the environment names, in place of what was there.
 * @throws Error where that BigQuery is not on this machine: a sample is nothing for a company's dataset.
 */
export async function loadIntoBigQuery(
  env: Record<string, string | undefined>,
  tables: readonly { name: string; file: string }[],
): Promise<void> {
  const { warehouse } = readSettings(env)
  if (warehouse.kind !== 'bigquery' || !isLoopback(warehouse.apiEndpoint ?? 'https://elsewhere'))
    throw new Error('The sample is loaded into a simulated BigQuery only.')
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: 'none', expiry_date: Number.MAX_SAFE_INTEGER })
  const { project, location, dataset, apiEndpoint } = warehouse
  const client = new BigQuery({
    projectId: project,
    location,
    authClient,
    ...(apiEndpoint !== undefined && { apiEndpoint }),
  })
  for (const { name, file } of tables)
    await client
      .dataset(dataset)
      .table(name)
      .load(file, { sourceFormat: 'PARQUET', writeDisposition: 'WRITE_TRUNCATE' })
}
