// The official client, as it is, works against the simulator.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { BigQuery } from '@google-cloud/bigquery'
import { OAuth2Client } from 'google-auth-library'
import { expect, test } from 'vitest'
import { openBigQuery, TOKYO } from './open-bigquery.ts'

function clientOf(url: string): BigQuery {
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: 'none', expiry_date: Date.now() + 3_600_000 })
  return new BigQuery({
    projectId: 'p',
    location: TOKYO,
    apiEndpoint: url,
    authClient,
  })
}

test('a query job with a destination is made, waited for and read', async () => {
  await using simulator = await openBigQuery()
  const client = clientOf(simulator.url)
  const destination = client.dataset('shop').table('friends')
  const [job] = await client.createQueryJob({
    query: "SELECT 'U1' AS user_id, 7 AS points, TIMESTAMP '2026-01-02 03:04:05.5+00' AS seen",
    destination,
    jobId: 'cut-1',
  })
  await job.getQueryResults({ maxResults: 0, autoPaginate: false })
  const [rows] = await destination.getRows()
  expect(JSON.stringify(rows)).toBe(
    JSON.stringify([{ user_id: 'U1', points: 7, seen: { value: '2026-01-02T03:04:05.500Z' } }]),
  )
  await destination.getMetadata()
  expect(destination.metadata).toMatchObject({ numRows: '1' })
})

test('the fast path gives rows in one call', async () => {
  await using simulator = await openBigQuery()
  const [rows] = await clientOf(simulator.url).query({
    query: 'SELECT @name AS name, x FROM UNNEST(@xs) AS x ORDER BY x DESC',
    params: { name: 'Ann', xs: [1, 2, 3] },
  })
  expect(rows).toEqual([
    { name: 'Ann', x: 3 },
    { name: 'Ann', x: 2 },
    { name: 'Ann', x: 1 },
  ])
})

test('an id used before is refused as a duplicate', async () => {
  await using simulator = await openBigQuery()
  const client = clientOf(simulator.url)
  const wanted = { query: 'SELECT 1', jobId: 'once' }
  await client.createQueryJob(wanted)
  await expect(client.createQueryJob(wanted)).rejects.toMatchObject({
    code: 409,
    errors: [{ reason: 'duplicate' }],
  })
})

test('a file is loaded under an id of ours, and table rows come page by page', async () => {
  await using simulator = await openBigQuery({ settings: { maxPageRows: 2 } })
  const folder = await mkdtemp(`${tmpdir()}/bigquery-client-`)
  await writeFile(`${folder}/x.json`, '{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n')
  const table = clientOf(simulator.url).dataset('shop').table('t')
  const [job] = await table.createLoadJob(`${folder}/x.json`, {
    jobId: 'load-1',
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    schema: { fields: [{ name: 'id', type: 'STRING' }] },
  })
  await rm(folder, { recursive: true })
  await simulator.ended('load-1')
  expect(job.id).toBe('load-1')
  const [rows] = await table.getRows()
  expect(rows.map((row: { id: string }) => row.id).sort()).toEqual(['a', 'b', 'c'])
})
