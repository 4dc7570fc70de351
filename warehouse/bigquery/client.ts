// The one way to BigQuery: Google's client for identity and transport, our own patience around it.
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BigQuery } from '@google-cloud/bigquery'
import { type AuthClient, OAuth2Client } from 'google-auth-library'
import { BigQueryFailure, failureOf, failureOfRead } from './failures.ts'

/** What a connection to BigQuery is made from. */
export interface ConnectionOptions {
  /** Project that the jobs run in and the dataset lies in. */
  project: string
  /** Location of the dataset, such as `asia-northeast1`; jobs are found by it. */
  location: string
  dataset: string
  /** Another endpoint than Google's, without a slash at its end. One on this machine gets no credentials. */
  apiEndpoint?: string | undefined
  /**
   * Wait before the first repetition of a call that came to nothing; it doubles, up to 30 s. Default 500.
   * A fifth of it is the wait before the first look at a job.
   */
  patienceMs?: number
}

/** A call of the REST API. https://cloud.google.com/bigquery/docs/reference/rest */
export interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/projects/<project>`, such as `jobs/<id>`. */
  path: string
  query?: Readonly<Record<string, string | number | boolean>>
  body?: unknown
  /** Newline-delimited JSON that is uploaded with the body, made anew for each try. */
  upload?: () => Iterable<string>
  signal?: AbortSignal | undefined
  /** Told before the call is made again: from then on what is there may be its own doing. */
  onRepeat?: () => void
}

/** An open connection. */
export type Connection = ReturnType<typeof connect>

// About two minutes in all: longer than BigQuery's own advice for 503, shorter than an activity's time-out.
const tries = 9
const longestWaitMs = 30_000
const userAgent = 'lfm'
const deadlineMs = 120_000

function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** An identity that asks nobody for a token, for an endpoint on this machine. */
function nobody(): AuthClient {
  const client = new OAuth2Client()
  client.setCredentials({ access_token: 'none', expiry_date: Number.MAX_SAFE_INTEGER })
  return client
}

/** Makes the client; nothing is called before the first use. Application Default Credentials, or none on loopback. */
export function connect(options: ConnectionOptions) {
  const { project, location, dataset, apiEndpoint, patienceMs = 500 } = options
  const endpoint = apiEndpoint ?? 'https://bigquery.googleapis.com'
  const client = new BigQuery({
    projectId: project,
    location,
    apiEndpoint: endpoint,
    // Repetitions are ours: only we know which calls may be made again.
    autoRetry: false,
    timeout: deadlineMs,
    userAgent,
    ...(isLoopback(endpoint) && { authClient: nobody() }),
  } as ConstructorParameters<typeof BigQuery>[0])

  /**
   * One read, once. Past the client, which copies each answer twice in depth: listing 2,000,000 recipients so was a
   * fifth of a worker's time, and most of its garbage.
   * @throws BigQueryFailure
   */
  async function readOnce({ path, query }: Call): Promise<unknown> {
    try {
      const { data } = await client.authClient.request<string>({
        url: `${client.baseUrl}/projects/${project}/${path}`,
        params: { ...query, prettyPrint: false },
        headers: { 'User-Agent': userAgent },
        timeout: deadlineMs,
        // Else an answer that breaks off would be given as text.
        responseType: 'text',
      })
      return JSON.parse(data)
    } catch (error) {
      throw failureOfRead(error, client.baseUrl)
    }
  }

  /** One call, once. @throws BigQueryFailure */
  function callOnce(call: Call): Promise<unknown> {
    const { method, path, query, body, upload } = call
    if (method === 'GET') return readOnce(call)
    const request = upload
      ? {
          uri: `${endpoint}/upload/bigquery/v2/projects/${project}/${path}`,
          qs: { ...query, uploadType: 'multipart' },
          multipart: [
            { 'Content-Type': 'application/json', body: JSON.stringify(body) },
            { 'Content-Type': 'application/octet-stream', body: Readable.from(upload()) },
          ],
        }
      : { uri: `/${path}`, qs: query, ...(body !== undefined && { json: body }) }
    return new Promise((resolve, reject) => {
      client.request({ method, ...request }, ((error: unknown, answer: unknown) => {
        if (error) reject(failureOf(error))
        else resolve(answer)
      }) as Parameters<typeof client.request>[1])
    })
  }

  /**
   * A call, again while it is lost or throttled; only for calls that may be made twice.
   * @throws BigQueryFailure
   */
  async function call(wanted: Call): Promise<unknown> {
    for (let done = 1; ; done++) {
      wanted.signal?.throwIfAborted()
      try {
        return await callOnce(wanted)
      } catch (error) {
        const failure = failureOf(error)
        const isPassing = failure.kind === 'lost' || failure.kind === 'throttled'
        if (!isPassing || done === tries) throw failure
        await pause(done, wanted.signal)
        wanted.onRepeat?.()
      }
    }
  }

  /** Waits before the next try; some at random, so that many don't come back at once. */
  async function pause(done: number, signal: AbortSignal | undefined): Promise<void> {
    const longest = Math.min(patienceMs * 2 ** (done - 1), longestWaitMs)
    await sleep(longest * (0.5 + Math.random() / 2), undefined, signal && { signal }).catch(
      (error: unknown) => {
        signal?.throwIfAborted()
        throw error
      },
    )
  }

  return {
    project,
    location,
    dataset,
    patienceMs,
    call,
    pause,
    /** Where our tables lie, as a path. */
    tables: `datasets/${dataset}/tables`,
    /** The quoted name of a table of ours. */
    named: (table: string) => `\`${project}.${dataset}.${table}\``,
    reference: (table: string) => ({ projectId: project, datasetId: dataset, tableId: table }),
  }
}

/** The answer, or undefined where there is no such thing. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof BigQueryFailure && error.kind === 'missing') return undefined
    throw error
  }
}
