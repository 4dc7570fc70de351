// Answers the calls about jobs: insert, upload, get, results, query, cancel, list.
import { randomUUID } from 'node:crypto'
import { type TableName } from './catalog.ts'
import {
  readJob,
  readLoadConfiguration,
  readQueryConfiguration,
  type QueryConfiguration,
} from './configurations.ts'
import { BigQueryError, stopped } from './errors.ts'
import { cancelJob, canonical, jobResource, look, stateOf, type Job, type LiveJob } from './jobs.ts'
import { runLoad } from './load-job.ts'
import { readParameters } from './parameters.ts'
import { planQuery, type Plan } from './plan.ts'
import { dryRun, runQuery } from './query-job.ts'
import { resultsOf, waitFor } from './results.ts'
import { type World } from './world.ts'

/** A job's faults, decided when it is made. */
export interface JobFaults {
  fails?: Job['fails']
  errors?: Job['errors']
  pendingPolls?: number | undefined
  runningPolls?: number | undefined
}

/** Makes the endpoints of jobs. */
export function createJobEndpoints(world: World) {
  const { settings, jobs, catalog, now } = world

  function newJob(
    projectId: string,
    jobId: string,
    location: string,
    configuration: Job['configuration'],
    faults: JobFaults,
  ): Job {
    return {
      projectId,
      jobId,
      location,
      configuration,
      createdAt: now(),
      errors: faults.errors ?? [],
      statistics: {},
      pendingPolls: faults.pendingPolls ?? settings.pendingPolls,
      runningPolls: faults.runningPolls ?? settings.runningPolls,
      ...(faults.fails ? { fails: faults.fails } : {}),
    }
  }

  function plan(
    projectId: string,
    location: string | undefined,
    configuration: QueryConfiguration,
  ): Plan {
    const { defaultDataset } = configuration
    const planned = planQuery(
      { catalog, now, defaultLocation: settings.defaultLocation },
      {
        sql: configuration.sql,
        projectId,
        location,
        defaultDataset: defaultDataset && {
          projectId: defaultDataset.projectId ?? projectId,
          datasetId: defaultDataset.datasetId,
        },
        parameters: readParameters(configuration.queryParameters),
      },
    )
    const { destination } = configuration
    if (destination && planned.statement.type === 'SELECT')
      catalog.dataset(destination.projectId, destination.datasetId, planned.location)
    return planned
  }

  /** Does the job's work and notes how it ended; never rejects. */
  async function work(live: LiveJob, run: () => Promise<void>): Promise<void> {
    const { job } = live
    job.startedAt = now()
    try {
      // Its id is spent from now on, even if this process is killed.
      await world.keepJob(job)
      if (live.isCancelled) throw stopped()
      if (job.fails) fail(job, job.fails)
      else await run()
    } catch (error) {
      const known = error instanceof BigQueryError
      fail(
        job,
        known
          ? error.proto()
          : { reason: 'internalError', message: `The simulator has a defect: ${String(error)}` },
      )
    }
    job.endedAt = now()
    await world.keepJob(job)
  }

  function fail(job: Job, proto: NonNullable<Job['fails']>) {
    job.errorResult = proto
    job.errors.push(proto)
  }

  async function anonymous(projectId: string, location: string): Promise<TableName> {
    const datasetId = `_anonymous_${location.replaceAll('-', '_')}`
    if (!catalog.findDataset(projectId, datasetId))
      await catalog.putDataset({
        projectId,
        datasetId,
        location,
        labels: {},
        createdAt: now(),
        modifiedAt: now(),
      })
    return { projectId, datasetId, tableId: `anon${randomUUID().replaceAll('-', '')}` }
  }

  /** Starts a query job; what is wrong with its text fails the job, or the call. */
  async function startQuery(
    projectId: string,
    jobId: string,
    location: string | undefined,
    raw: Job['configuration'],
    faults: JobFaults,
  ): Promise<LiveJob> {
    const configuration = readQueryConfiguration(raw.query)
    let planned: Plan | undefined
    let wrong: BigQueryError | undefined
    try {
      planned = plan(projectId, location, configuration)
    } catch (error) {
      if (!(error instanceof BigQueryError) || settings.badQueryOnInsert === 'answer') throw error
      wrong = error
    }
    const place = planned?.location ?? canonical(location ?? settings.defaultLocation)
    const target = await anonymous(projectId, place)
    const query = { ...(raw.query as object) }
    const isSelect = planned?.statement.type === 'SELECT'
    const job = newJob(projectId, jobId, place, {
      ...raw,
      query: { priority: 'INTERACTIVE', writeDisposition: 'WRITE_EMPTY', ...(isSelect && !configuration.destination ? { destinationTable: target, writeDisposition: 'WRITE_TRUNCATE', createDisposition: 'CREATE_IF_NEEDED' } : {}), ...query },
    }, faults) // prettier-ignore
    return jobs.reserve(job, (live) =>
      work(live, async () => {
        if (wrong || !planned) throw wrong ?? new Error('A query was not planned.')
        await world.locked([configuration.destination, planned.target], () =>
          runQuery(world, live, planned, configuration, target),
        )
      }),
    )
  }

  return {
    /** `POST /jobs`. */
    async insert(projectId: string, body: unknown, faults: JobFaults): Promise<object> {
      const { jobReference, configuration } = readJob(body)
      const jobId = jobReference?.jobId ?? `job_${randomUUID().replaceAll('-', '')}`
      const location = jobReference?.location
      const raw = configuration as Job['configuration']
      if (configuration.load)
        throw new BigQueryError(
          'invalid',
          'Load configuration must specify at least one source URI.',
        )
      if (configuration.dryRun === true) {
        const query = readQueryConfiguration(configuration.query)
        const planned = plan(projectId, location, query)
        const job = newJob(projectId, jobId, planned.location, raw, {
          pendingPolls: 0,
          runningPolls: 0,
        })
        await dryRun(world, job, planned)
        job.endedAt = now()
        const { id: _, ...shown } = jobResource(job, 'DONE') as Record<string, unknown>
        return { ...shown, jobReference: { projectId, location: planned.location } }
      }
      const live = await startQuery(projectId, jobId, location, raw, faults)
      return jobResource(live.job, stateOf(live))
    },

    /** A load job whose file was uploaded. */
    async upload(
      projectId: string,
      metadata: unknown,
      file: string,
      faults: JobFaults,
    ): Promise<object> {
      const { jobReference, configuration } = readJob(metadata)
      const load = readLoadConfiguration(configuration.load)
      const { destination } = load
      const place = canonical(
        jobReference?.location ??
          catalog.findDataset(destination.projectId, destination.datasetId)?.location ??
          settings.defaultLocation,
      )
      const jobId = jobReference?.jobId ?? `job_${randomUUID().replaceAll('-', '')}`
      const job = newJob(projectId, jobId, place, configuration as Job['configuration'], faults)
      const live = jobs.reserve(job, (live) =>
        work(live, async () => {
          catalog.dataset(destination.projectId, destination.datasetId, place)
          await world.locked([destination], () => runLoad(world, live, load, file))
        }),
      )
      return jobResource(job, stateOf(live))
    },

    /** `GET /jobs/{id}`: a look. */
    get(projectId: string, jobId: string, location: string | undefined): object {
      const live = jobs.get(projectId, location, jobId)
      return jobResource(live.job, look(live))
    },

    /** `GET /queries/{id}`: a look that waits, then rows. */
    async results(projectId: string, jobId: string, query: URLSearchParams): Promise<string> {
      const live = jobs.get(projectId, query.get('location') ?? undefined, jobId)
      const isDone = (await waitFor(live, query.get('timeoutMs') ?? '10000')) === 'DONE'
      return resultsOf(world, live, isDone, query, 'bigquery#getQueryResultsResponse')
    },

    /** `POST /queries`: a job and its first rows in one call. */
    async query(projectId: string, body: unknown, faults: JobFaults): Promise<string> {
      const given = body as {
        location?: string
        timeoutMs?: number
        maxResults?: number
        labels?: Record<string, string>
        dryRun?: boolean
        formatOptions?: { useInt64Timestamp?: boolean; timestampOutputFormat?: string }
      }
      if (given.dryRun === true)
        throw new BigQueryError('invalid', 'The simulator knows dryRun in jobs.insert only.')
      const raw = {
        query: body,
        ...(given.labels ? { labels: given.labels } : {}),
      } as Job['configuration']
      const live = await startQuery(
        projectId,
        `job_${randomUUID().replaceAll('-', '')}`,
        given.location,
        raw,
        faults,
      )
      const isDone = (await waitFor(live, String(given.timeoutMs ?? 10_000))) === 'DONE'
      const query = new URLSearchParams()
      if (given.maxResults !== undefined) query.set('maxResults', String(given.maxResults))
      if (given.formatOptions?.useInt64Timestamp)
        query.set('formatOptions.useInt64Timestamp', 'true')
      if (given.formatOptions?.timestampOutputFormat)
        query.set('formatOptions.timestampOutputFormat', given.formatOptions.timestampOutputFormat)
      return resultsOf(world, live, isDone, query, 'bigquery#queryResponse')
    },

    /** `POST /jobs/{id}/cancel`: asks for the end; a job that has done its work stays done. */
    cancel(projectId: string, jobId: string, location: string | undefined): object {
      const live = jobs.get(projectId, location, jobId)
      cancelJob(live)
      return { kind: 'bigquery#jobCancelResponse', job: jobResource(live.job, stateOf(live)) }
    },

    /** `GET /jobs`, newest first, by state and time of creation. */
    list(projectId: string, query: URLSearchParams): object {
      const most = Number(query.get('maxResults') ?? 50)
      const from = Number(query.get('pageToken') ?? 0)
      const states = query.getAll('stateFilter').flatMap((one) => one.toUpperCase().split(','))
      const earliest = Number(query.get('minCreationTime') ?? 0)
      const latest = Number(query.get('maxCreationTime') ?? Infinity)
      const found = jobs
        .list(projectId)
        .filter(
          (live) =>
            (states.length === 0 || states.includes(stateOf(live))) &&
            live.job.createdAt >= earliest &&
            live.job.createdAt <= latest,
        )
      return {
        kind: 'bigquery#jobList',
        etag: String(found.length),
        jobs: found.slice(from, from + most).map((live) => {
          const state = stateOf(live)
          return { ...jobResource(live.job, state), state }
        }),
        ...(from + most < found.length ? { nextPageToken: String(from + most) } : {}),
      }
    },
  }
}
