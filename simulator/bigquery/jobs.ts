// Jobs: each id once per project and location, their states as polls see them, and how they are shown.
import { type TableName } from './catalog.ts'
import { BigQueryError, type ErrorProto } from './errors.ts'
import { type Field } from './schema.ts'

/** What is known of a job. */
export interface Job {
  projectId: string
  location: string
  jobId: string
  configuration: Record<string, unknown> & { labels?: Record<string, string> }
  createdAt: number
  startedAt?: number
  endedAt?: number
  errorResult?: ErrorProto
  /** Errors that were no reason to fail, besides the one that was. */
  errors: ErrorProto[]
  /** `query` or `load` of its statistics. */
  statistics: Record<string, unknown>
  totalBytesProcessed?: number
  /** Of a query's result; absent for DDL. */
  schema?: Field[]
  rows?: number
  destination?: TableName
  /** Looks at which it is still PENDING, then RUNNING. */
  pendingPolls: number
  runningPolls: number
  /** A failure that a fault has laid on it: it ends with this before it does anything. */
  fails?: ErrorProto
}

/** A job while this process has it. */
export interface LiveJob {
  job: Job
  /** Starts the work; afterwards `ended` settles when it is done. */
  start: () => void
  isStarted: boolean
  isCancelled: boolean
  /** Stops the work where it is under way. */
  interrupt?: (() => void) | undefined
  ended: Promise<void>
}

/** Makes an empty register. */
export function createJobs() {
  const all = new Map<string, LiveJob>()
  const keyOf = (projectId: string, location: string, jobId: string) =>
    `${projectId}:${location}.${jobId}`

  return {
    /** Takes the id. @throws BigQueryError duplicate where it was taken before, whatever became of that job */
    reserve(job: Job, work: (live: LiveJob) => Promise<void>): LiveJob {
      const key = keyOf(job.projectId, job.location, job.jobId)
      if (all.has(key)) throw new BigQueryError('duplicate', `Already Exists: Job ${key}`)
      let settle = () => {}
      const ended = new Promise<void>((resolve) => (settle = resolve))
      const live: LiveJob = {
        job,
        isStarted: false,
        isCancelled: false,
        ended,
        start() {
          if (live.isStarted) return
          live.isStarted = true
          // What can still fail is keeping the job while the simulator closes; it has ended all the same.
          void work(live)
            .catch(() => undefined)
            .finally(settle)
        },
      }
      all.set(key, live)
      if (job.pendingPolls === 0) live.start()
      return live
    },
    /** A job of an earlier process; one that had not ended then has failed. */
    restore(job: Job) {
      if (job.endedAt === undefined) {
        job.errorResult = {
          reason: 'backendError',
          message: 'The simulator was stopped while this job ran.',
        }
        job.errors.push(job.errorResult)
        job.endedAt = job.createdAt
      }
      all.set(keyOf(job.projectId, job.location, job.jobId), {
        job, start: () => undefined, isStarted: true, isCancelled: false, ended: Promise.resolve(),
      }) // prettier-ignore
    },
    /** The job; without a location only those in the multi-regions are found. @throws BigQueryError notFound */
    get(projectId: string, location: string | undefined, jobId: string): LiveJob {
      for (const place of location === undefined ? ['US', 'EU'] : [location]) {
        const live = all.get(keyOf(projectId, canonical(place), jobId))
        if (live) return live
      }
      const where = location === undefined ? '' : `${canonical(location)}.`
      throw new BigQueryError('notFound', `Not found: Job ${projectId}:${where}${jobId}`)
    },
    list: (projectId: string) =>
      [...all.values()].filter(({ job }) => job.projectId === projectId).reverse(),
    all: () => [...all.values()],
  }
}

const interruptEveryMs = 50

/** Ends the job, whether it waits or runs; one that has ended stays as it is. */
export function cancelJob(live: LiveJob): void {
  if (live.job.endedAt !== undefined) return
  live.isCancelled = true
  live.job.pendingPolls = 0
  live.start()
  interruptUntilEnded(live)
}

/** Stops what the job does. Again until it has: DuckDB forgets an interrupt that comes between two statements. */
export function interruptUntilEnded(live: LiveJob): void {
  live.interrupt?.()
  const again = setInterval(() => live.interrupt?.(), interruptEveryMs)
  void live.ended.then(() => clearInterval(again))
}

/** Locations are compared without case; multi-regions are written large. */
export function canonical(location: string): string {
  return /^(us|eu)$/i.test(location) ? location.toUpperCase() : location.toLowerCase()
}

/** The state that a look sees; a look at a job that waits brings it one step on. */
export function look(live: LiveJob): 'PENDING' | 'RUNNING' | 'DONE' {
  const { job } = live
  if (job.pendingPolls > 0) {
    job.pendingPolls--
    if (job.pendingPolls === 0) live.start()
    return 'PENDING'
  }
  if (job.runningPolls > 0) {
    job.runningPolls--
    return 'RUNNING'
  }
  return stateOf(live)
}

/** The state without looking. */
export function stateOf({ job }: LiveJob): 'PENDING' | 'RUNNING' | 'DONE' {
  if (job.pendingPolls > 0) return 'PENDING'
  return job.endedAt === undefined || job.runningPolls > 0 ? 'RUNNING' : 'DONE'
}

/** The resource as jobs.get gives it. */
export function jobResource(job: Job, state: 'PENDING' | 'RUNNING' | 'DONE'): object {
  const isDone = state === 'DONE'
  const time = (at: number | undefined) => (at === undefined ? undefined : String(at))
  return {
    kind: 'bigquery#job',
    etag: `${job.jobId}-${state}`,
    id: `${job.projectId}:${job.location}.${job.jobId}`,
    selfLink: `https://bigquery.googleapis.com/bigquery/v2/projects/${job.projectId}/jobs/${job.jobId}?location=${job.location}`,
    user_email: 'simulator@example.com',
    principal_subject: 'user:simulator@example.com',
    configuration: {
      jobType: 'load' in job.configuration ? 'LOAD' : 'QUERY',
      ...job.configuration,
    },
    jobReference: { projectId: job.projectId, jobId: job.jobId, location: job.location },
    statistics: {
      creationTime: String(job.createdAt),
      ...(state === 'PENDING' ? {} : { startTime: time(job.startedAt ?? job.createdAt) }),
      ...(isDone
        ? {
            endTime: time(job.endedAt),
            totalSlotMs: String(Math.max(1, (job.endedAt ?? 0) - (job.startedAt ?? 0))),
            ...(job.totalBytesProcessed === undefined
              ? {}
              : { totalBytesProcessed: String(job.totalBytesProcessed) }),
            ...job.statistics,
          }
        : {}),
    },
    status: {
      state,
      ...(isDone && job.errorResult ? { errorResult: job.errorResult } : {}),
      ...(isDone && job.errors.length > 0 ? { errors: job.errors } : {}),
    },
  }
}
