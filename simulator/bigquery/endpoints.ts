// One call of BigQuery's API from its headers to its answer: token, faults, body, handler.
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { rm } from 'node:fs/promises'
import { readJson, readMultipart } from './bodies.ts'
import { type Call } from './calls.ts'
import { createDatasetEndpoints } from './datasets.ts'
import { BigQueryError, errorBody } from './errors.ts'
import { type Fault } from './faults.ts'
import { createJobEndpoints, type JobFaults } from './job-endpoints.ts'
import { createResumables } from './resumable.ts'
import { findRoute, type Route } from './routes.ts'
import { pageOf, readPageRequest } from './rows.ts'
import { createTableEndpoints } from './tables.ts'
import { type World } from './world.ts'

/** What is answered: JSON text, or nothing with other headers. */
interface Answer {
  status: number
  text: string
  headers?: Record<string, string>
}

const json = (value: object, status = 200): Answer => ({ status, text: JSON.stringify(value) })

/** Makes the handler of BigQuery's addresses. */
export function createEndpoints(world: World) {
  const jobs = createJobEndpoints(world)
  const datasets = createDatasetEndpoints(world)
  const tables = createTableEndpoints(world)
  const resumables = createResumables(world.uploadFile)

  async function handle(
    req: IncomingMessage,
    res: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const route = findRoute(req.method ?? '', path)
    const call = world.calls.start(route?.name ?? 'none', route?.jobId ?? '', route?.tableId ?? '')
    let cut: 'drop' | 'half' | undefined
    let answer: Answer
    try {
      if (!route)
        throw new BigQueryError('notFound', `The simulator has no ${req.method ?? ''} ${path}.`)
      checkToken(req)
      if (world.settings.latencyMs > 0) await sleep(world.settings.latencyMs)
      await world.catalog.sweep()
      const body = await bodyOf(req, route, query)
      call.bytesIn = req.socket.bytesRead
      call.jobId ||= body.jobId
      call.table ||= body.table
      const fault = world.faults.draw({ route: route.name, jobId: call.jobId, table: call.table })
      call.fault = fault?.do ?? null
      try {
        if (fault?.do === 'slow') await sleep(fault.ms)
        if (fault?.do === 'error') throw failure(fault)
        if (fault?.do === 'drop-before-accept') cut = 'drop'
        if (cut === 'drop') answer = json({})
        else {
          answer = await answerTo(route, body, query, call, fault)
          if (fault?.do === 'error-after-accept') throw failure(fault)
          if (fault?.do === 'accept-then-drop-connection') cut = 'drop'
          if (fault?.do === 'half-a-reply') cut = 'half'
        }
      } catch (error) {
        // A file that no job has taken is nobody's.
        if (
          body.file !== undefined &&
          error instanceof BigQueryError &&
          fault?.do !== 'error-after-accept'
        )
          await rm(body.file, { force: true })
        throw error
      }
    } catch (error) {
      if (req.readableAborted || res.destroyed) return world.calls.end(call, null)
      answer = errorAnswer(error)
    }
    call.bytesOut = Buffer.byteLength(answer.text)
    world.calls.end(call, cut ? null : answer.status)
    write(res, answer, cut)
  }

  function checkToken({ headers }: IncomingMessage) {
    const wanted = world.settings.requireToken
    if (wanted === null || headers.authorization === `Bearer ${wanted}`) return
    throw new BigQueryError(
      'accessDenied',
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
      undefined,
      401,
    )
  }

  async function bodyOf(req: IncomingMessage, route: Route, query: URLSearchParams) {
    if (route.name !== 'jobs.upload') {
      const value = req.method === 'GET' || req.method === 'DELETE' ? {} : await readJson(req)
      return { value, file: undefined, ...namesIn(value) }
    }
    if (query.get('uploadType') === 'multipart') {
      const { metadata, file } = await readMultipart(req, world.uploadFile())
      return { value: metadata, file, ...namesIn(metadata) }
    }
    if (query.get('uploadType') !== 'resumable')
      throw new BigQueryError('invalid', 'uploadType must be multipart or resumable.')
    if (req.method === 'POST') {
      const value = await readJson(req)
      return { value, file: undefined, session: await resumables.begin(value), ...namesIn(value) }
    }
    const progress = await resumables.put(query.get('upload_id') ?? '', req)
    const known = progress.kind === 'whole' ? progress : { metadata: {}, file: undefined }
    return { value: known.metadata, file: known.file, progress, ...namesIn(known.metadata) }
  }

  type Body = Awaited<ReturnType<typeof bodyOf>>

  async function upload(route: Route, body: Body, faults: JobFaults): Promise<Answer> {
    if ('session' in body && body.session !== undefined) {
      const location = `/upload/bigquery/v2/projects/${route.projectId}/jobs?uploadType=resumable&upload_id=${body.session}`
      return { status: 200, text: '', headers: { location, 'x-guploader-uploadid': body.session } }
    }
    const progress = 'progress' in body ? body.progress : undefined
    if (progress?.kind === 'answered') return json(progress.answer)
    if (progress?.kind === 'more')
      return {
        status: 308,
        text: '',
        ...(progress.received > 0
          ? { headers: { range: `bytes=0-${progress.received - 1}` } }
          : {}),
      }
    if (body.file === undefined) throw new BigQueryError('invalid', 'An upload without a file.')
    const made = await jobs.upload(route.projectId, body.value, body.file, faults)
    progress?.finish(made)
    return json(made)
  }

  async function answerTo(
    route: Route,
    body: Body,
    query: URLSearchParams,
    call: Call,
    fault: Fault | undefined,
  ): Promise<Answer> {
    const { projectId, datasetId, tableId, jobId } = route
    const name = { projectId, datasetId, tableId }
    const location = query.get('location') ?? undefined
    switch (route.name) {
      case 'jobs.insert':
        return json(await jobs.insert(projectId, body.value, jobFaults(fault)))
      case 'jobs.upload':
        return upload(route, body, jobFaults(fault))
      case 'jobs.query':
        return { status: 200, text: await jobs.query(projectId, body.value, jobFaults(fault)) }
      case 'jobs.get':
        return json(jobs.get(projectId, jobId, location))
      case 'jobs.getQueryResults':
        return { status: 200, text: await jobs.results(projectId, jobId, query) }
      case 'jobs.cancel':
        return json(jobs.cancel(projectId, jobId, location))
      case 'jobs.list':
        return json(jobs.list(projectId, query))
      case 'datasets.list':
        return json(datasets.list(projectId))
      case 'datasets.get':
        return json(datasets.get(projectId, datasetId))
      case 'datasets.insert':
        return json(await datasets.insert(projectId, body.value))
      case 'datasets.patch':
        return json(await datasets.patch(projectId, datasetId, body.value))
      case 'datasets.delete':
        await datasets.delete(projectId, datasetId, query)
        return { status: 204, text: '' }
      case 'tables.list':
        return json(tables.list(projectId, datasetId, query))
      case 'tables.get':
        return json(await tables.get(name))
      case 'tables.insert':
        return json(await tables.insert(projectId, datasetId, body.value))
      case 'tables.patch':
      case 'tables.update':
        return json(await tables.patch(name, body.value))
      case 'tables.delete':
        await tables.delete(name)
        return { status: 204, text: '' }
      case 'tabledata.list': {
        const found = tables.table(name)
        if (found.type === 'VIEW')
          throw new BigQueryError('invalid', `Cannot list a table of type VIEW.`)
        const shorter = fault?.do === 'short-page' ? fault.rows : undefined
        const page = await pageOf(world, found, {
          ...readPageRequest(query),
          decorator: route.decorator,
          shorter,
        })
        call.rows = page.count
        const token = page.pageToken === undefined ? '' : `,"pageToken":"${page.pageToken}"`
        const rows = page.rows === '' ? '' : `,"rows":[${page.rows}]`
        return {
          status: 200,
          text: `{"kind":"bigquery#tableDataList","totalRows":"${page.totalRows}"${token}${rows}}`,
        }
      }
    }
  }

  return { handle, close: () => resumables.close() }
}

function namesIn(value: unknown): { jobId: string; table: string } {
  const body = value as {
    jobReference?: { jobId?: string }
    configuration?: {
      load?: { destinationTable?: { tableId?: string } }
      query?: { destinationTable?: { tableId?: string } }
    }
  } | null
  const { load, query } = body?.configuration ?? {}
  return {
    jobId: String(body?.jobReference?.jobId ?? ''),
    table: String(load?.destinationTable?.tableId ?? query?.destinationTable?.tableId ?? ''),
  }
}

function failure({ reason, status, message }: Fault): BigQueryError {
  return new BigQueryError(reason, message ?? `Injected: ${reason}`, undefined, status)
}

function jobFaults(fault: Fault | undefined): JobFaults {
  if (!fault) return {}
  const { reason, message = `Injected: ${reason}` } = fault
  switch (fault.do) {
    case 'job-fails':
      return { fails: { reason, message } }
    case 'job-errors-without-result':
      return { errors: [{ reason, message }] }
    case 'job-stays':
      return { pendingPolls: fault.pendingPolls, runningPolls: fault.runningPolls }
    default:
      return {}
  }
}

function errorAnswer(error: unknown): Answer {
  if (error instanceof BigQueryError)
    return json(errorBody(error.status, error.proto()), error.status)
  return json(
    errorBody(500, {
      reason: 'internalError',
      message: `The simulator has a defect: ${String(error)}`,
    }),
    500,
  )
}

function write(
  res: ServerResponse,
  { status, text, headers }: Answer,
  cut: 'drop' | 'half' | undefined,
) {
  if (res.destroyed) return
  const { socket } = res
  if (cut === 'drop') return void socket?.destroy()
  res.writeHead(status, {
    ...(status === 204
      ? {}
      : {
          'content-type': 'application/json; charset=UTF-8',
          'content-length': Buffer.byteLength(text),
        }),
    ...headers,
  })
  if (cut === 'half') res.write(text.slice(0, Math.ceil(text.length / 2)), () => socket?.destroy())
  else res.end(text)
}
