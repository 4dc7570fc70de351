// What a failed read of BigQuery means, whoever answered it: the library asks for a token first, at another place.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { OAuth2Client } from 'google-auth-library'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type BigQueryFailure,
  failureOf,
  failureOfRead,
} from '../../warehouse/bigquery/failures.ts'

let server: Server
let url: string
/** What is answered: status, type and body. */
const answers: Record<string, [number, string, string]> = {}
const json = 'application/json'

beforeAll(async () => {
  server = createServer((request, response) => {
    const [status, type, body] = answers[request.url?.split('?')[0] ?? ''] ?? [500, json, '{}']
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** How a read fails where the token and BigQuery are answered so. */
async function failureWhere(
  token: [number, string, string],
  table: [number, string, string],
): Promise<BigQueryFailure> {
  Object.assign(answers, { '/token': token, '/bigquery/v2/table': table })
  const client = new OAuth2Client({ endpoints: { oauth2TokenUrl: `${url}/token` } })
  client.setCredentials({ refresh_token: 'a-secret-of-ours' })
  const baseUrl = `${url}/bigquery/v2`
  try {
    await client.request({ url: `${baseUrl}/table`, responseType: 'text' })
  } catch (error) {
    return failureOfRead(error, baseUrl)
  }
  throw new Error('It did not fail.')
}

const aToken: [number, string, string] = [200, json, '{"access_token":"t","expires_in":3600}']
const answer = (code: number, reason: string): [number, string, string] => [
  code,
  json,
  JSON.stringify({ error: { code, message: `It is ${reason}.`, errors: [{ reason }] } }),
]

test.each([
  ['nothing of that name', answer(404, 'notFound'), 'missing', 'notFound'],
  ['no right', answer(403, 'accessDenied'), 'refused', 'accessDenied'],
  ['too many calls', answer(403, 'rateLimitExceeded'), 'throttled', 'rateLimitExceeded'],
  ['a page of a proxy', [502, 'text/html', '<h1>Bad gateway</h1>'], 'lost', '502'],
] as const)('%s, as BigQuery answers it', async (_, [status, type, body], kind, reason) => {
  const failure = await failureWhere(aToken, [status, type, body])
  expect(failure).toMatchObject({ kind, reason })
})

test.each([
  ['revoked', 400, '{"error":"invalid_grant"}', 'refused', 'noCredentials'],
  ['revoked, in other words', 404, '{"error":"invalid_grant"}', 'refused', 'noCredentials'],
  ['not there', 404, '{"error":"no_account"}', 'lost', ''],
  ['not to be had now', 503, '{}', 'lost', ''],
])('an identity that is %s is none of its answers', async (_, status, body, kind, reason) => {
  const failure = await failureWhere([status, json, body], answer(404, 'notFound'))
  expect(failure).toMatchObject({ kind, ...(reason !== '' && { reason }) })
  expect(`${failure.message} ${JSON.stringify(failure)}`).not.toContain('a-secret-of-ours')
})

test('an identity that cannot be found is no passing failure', () => {
  const thrown = new Error('Could not load the default credentials. Browse to the docs.')
  expect(failureOf(thrown)).toMatchObject({ kind: 'refused', reason: 'noCredentials' })
})
