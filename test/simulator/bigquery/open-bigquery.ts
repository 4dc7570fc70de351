// Opens a BigQuery simulator on a free port for one test, with short ways to call it.
import { Agent, request } from 'undici'
import {
  createBigQuerySimulator,
  type BigQuerySimulatorOptions,
} from '../../../simulator/bigquery/simulator.ts'

/** An answer: the body parsed where it is JSON. */
export interface Reply<T = Record<string, unknown>> {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: T
}

/** What the tests read of a job; the rest is the API's own. */
export interface JobReply {
  jobReference: { jobId: string; location: string }
  configuration: { query?: { destinationTable?: { datasetId: string; tableId: string } } }
  status: { state: string; errorResult?: ErrorShape; errors?: ErrorShape[] }
  statistics: {
    totalBytesProcessed?: string
    load?: { outputRows: string }
    query?: {
      statementType: string
      totalBytesBilled: string
      numDmlAffectedRows?: string
      schema?: { fields: { name: string; type: string; mode: string }[] }
    }
  }
  error?: { code: number; message: string; errors: ErrorShape[] }
}

export interface ErrorShape {
  reason: string
  message: string
}

/** A page of rows. */
export interface RowsReply {
  rows?: { f: { v: unknown }[] }[]
  totalRows: string
  pageToken?: string
  jobComplete?: boolean
  error?: { code: number; message: string; errors: ErrorShape[] }
}

/** An open simulator with the dataset `shop` in Tokyo. */
export type OpenBigQuery = Awaited<ReturnType<typeof openBigQuery>>

export const TOKYO = 'asia-northeast1'

export async function openBigQuery(options: BigQuerySimulatorOptions = {}) {
  const simulator = createBigQuerySimulator(options)
  const { port } = await simulator.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${port}`
  const dispatcher = new Agent()
  let lastJob = 0

  async function call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const answer = await request(url + path, {
      method: method as 'GET',
      dispatcher,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : {
            body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
          }),
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: (text === '' ? {} : JSON.parse(text)) as T,
    }
  }

  const api = <T = Record<string, unknown>>(method: string, path: string, body?: unknown) =>
    call<T>(method, `/bigquery/v2/projects/p/${path}`, body)

  const insert = (
    query: object,
    more: object = {},
    jobId = `job-${++lastJob}`,
    location: string | undefined = TOKYO,
  ) =>
    api<JobReply>('POST', 'jobs', {
      jobReference: { projectId: 'p', jobId, location },
      configuration: { query: { useLegacySql: false, ...query }, ...more },
    })

  /** Looks at the job until it has ended. */
  async function ended(jobId: string, location = TOKYO): Promise<JobReply> {
    for (;;) {
      const { body } = await api<JobReply>('GET', `jobs/${jobId}?location=${location}`)
      if (body.status.state === 'DONE') return body
    }
  }

  /** Runs a query to its end and gives the job. */
  async function run(query: string, more: object = {}): Promise<JobReply> {
    const { body } = await insert({ query, ...more })
    return body.error ? body : ended(body.jobReference.jobId)
  }

  /** Runs a query and gives its values, row by row. */
  async function values(query: string, more: object = {}): Promise<unknown[][]> {
    const job = await run(query, more)
    if (job.status.errorResult) throw new Error(job.status.errorResult.message)
    const { body } = await api<RowsReply>(
      'GET',
      `queries/${job.jobReference.jobId}?location=${TOKYO}`,
    )
    return (body.rows ?? []).map(({ f }) => f.map(({ v }) => v))
  }

  const multipart = (
    configuration: object,
    data: Buffer | string,
    jobId: string,
    location: string = TOKYO,
  ) => {
    const metadata = JSON.stringify({
      jobReference: { projectId: 'p', jobId, location },
      configuration,
    })
    const head = `--cut\r\ncontent-type: application/json\r\n\r\n${metadata}\r\n--cut\r\ncontent-type: application/octet-stream\r\n\r\n`
    const body = Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from('\r\n--cut--')])
    return call<JobReply>(
      'POST',
      '/upload/bigquery/v2/projects/p/jobs?uploadType=multipart',
      body,
      {
        'content-type': 'multipart/related; boundary=cut',
      },
    )
  }

  const made = await api('POST', 'datasets', {
    datasetReference: { datasetId: 'shop' },
    location: TOKYO,
  })
  if (made.status !== 200 && made.status !== 409)
    throw new Error(`No dataset: ${JSON.stringify(made.body)}`)

  return {
    url,
    call,
    api,
    insert,
    ended,
    run,
    values,
    multipart,
    control: <T = Record<string, unknown>>(method: string, path: string, body?: unknown) =>
      call<T>(method, `/_sim/bigquery/${path}`, body),
    rows: (path: string) => api<RowsReply>('GET', path),
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy()
      await simulator.close()
    },
  }
}
