// Runs jobs: each under an id that follows from what it does, found again instead of run again, cancelled on abort.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection } from './client.ts'
import { BigQueryFailure, failureOf, jobFailureOf, type ErrorProto } from './failures.ts'
import { jobName, label } from './names.ts'
import { listRows, type Rows } from './rows.ts'

/** What a job is to do. */
export interface JobWanted {
  /** The words that its id is made of: the same words are the same job. */
  id: readonly string[]
  /** What it is in the life of a delivery, for the label `step`. */
  step: string
  deliveryId?: string | undefined
  campaignId?: string | undefined
  /** `configuration.query` of the REST API, without what every query has. */
  query?: Readonly<Record<string, unknown>> & { query: string }
  /** `configuration.load` of the REST API. */
  load?: Readonly<Record<string, unknown>>
  upload?: () => Iterable<string>
  signal?: AbortSignal | undefined
  /**
   * Whether what an ended job of this id left behind is still there; it is asked where the job was made by an earlier
   * call, and where the answer is no the job is made again under its next id.
   */
  isThere?: (jobId: string) => Promise<boolean>
}

/** What a job took. */
export interface JobUsage {
  jobId: string
  step: string
  bytesBilled: number
  slotMs: number
}

/** A job that has ended well. */
export interface DoneJob {
  jobId: string
  usage: JobUsage
}

interface JobAnswer {
  status?: { state?: string; errorResult?: ErrorProto }
  statistics?: {
    totalSlotMs?: string
    query?: { totalBytesBilled?: string; statementType?: string; totalBytesProcessed?: string }
  }
}

/** What jobs are run with. */
export interface JobsOptions {
  connection: Connection
  /** Most bytes that one query may be billed for. */
  maximumBytesBilled: number
  /** Told of each job that has ended well. */
  onUsage?: ((deliveryId: string | undefined, usage: JobUsage) => void) | undefined
}

/** Runs jobs on a connection. */
export type Jobs = ReturnType<typeof createJobs>

/** Ids of one step that are used up before it is given up; each but the last is known to have failed. */
const idsOfAStep = 6
const longestLookMs = 2_000

export function createJobs({ connection, maximumBytesBilled, onUsage }: JobsOptions) {
  const { location, dataset, project } = connection
  const firstLookMs = connection.patienceMs / 5

  /**
   * Runs the job to its end. A new id is taken only when the one before is known to have failed for a passing reason.
   * @throws BigQueryFailure, or the signal's reason.
   */
  async function run(wanted: JobWanted, onTaken = () => {}): Promise<DoneJob> {
    const { id, signal } = wanted
    for (let no = 0; ; no++) {
      const jobId = `${jobName(dataset, ...id)}_${no}`
      signal?.throwIfAborted()
      const { answer, wasThere } = await startOrFind(jobId, wanted)
      onTaken()
      const ended = await waitFor(jobId, answer, signal)
      const errorResult = ended.status?.errorResult
      if (!errorResult) {
        if (wasThere && wanted.isThere && no < idsOfAStep - 1 && !(await wanted.isThere(jobId)))
          continue
        const usage = usageOf(jobId, wanted.step, ended)
        if (!wasThere) onUsage?.(wanted.deliveryId, usage)
        return { jobId, usage }
      }
      const failure = jobFailureOf(errorResult)
      const isPassing = failure.kind === 'lost' || failure.kind === 'throttled'
      if (!isPassing || no === idsOfAStep - 1) throw failure
      await connection.pause(no + 1, signal)
    }
  }

  function configurationOf(wanted: JobWanted) {
    return {
      labels: {
        app: 'lfm',
        step: label(wanted.step),
        ...(wanted.deliveryId && { delivery: label(wanted.deliveryId) }),
        ...(wanted.campaignId && { campaign: label(wanted.campaignId) }),
      },
      ...(wanted.query && {
        query: {
          useLegacySql: false,
          maximumBytesBilled: String(maximumBytesBilled),
          ...wanted.query,
        },
      }),
      ...(wanted.load && { load: wanted.load }),
    }
  }

  /** Makes the job, or finds it where an earlier call of the same id has arrived. */
  async function startOrFind(
    jobId: string,
    wanted: JobWanted,
  ): Promise<{ answer: JobAnswer; wasThere: boolean }> {
    try {
      const answer = await connection.call({
        method: 'POST',
        path: 'jobs',
        body: {
          jobReference: { projectId: project, location, jobId },
          configuration: configurationOf(wanted),
        },
        ...(wanted.upload && { upload: wanted.upload }),
        signal: wanted.signal,
      })
      return { answer: answer as JobAnswer, wasThere: false }
    } catch (error) {
      const failure = failureOf(error)
      if (failure.kind !== 'duplicate') throw wanted.signal?.aborted ? error : failure
      // By us a moment ago, the answer being lost, or by an attempt before a crash: either way it is this job.
      return { answer: await look(jobId), wasThere: true }
    }
  }

  async function look(jobId: string): Promise<JobAnswer> {
    // Without the location BigQuery looks in the US and the EU alone, and finds nothing.
    return (await connection.call({
      method: 'GET',
      path: `jobs/${jobId}`,
      query: { location },
    })) as JobAnswer
  }

  async function waitFor(
    jobId: string,
    first: JobAnswer,
    signal: AbortSignal | undefined,
  ): Promise<JobAnswer> {
    let answer = first
    for (let waitMs = firstLookMs; answer.status?.state !== 'DONE'; waitMs *= 1.5) {
      try {
        await sleep(Math.min(waitMs, longestLookMs), undefined, signal && { signal })
      } catch (error) {
        await cancel(jobId)
        signal?.throwIfAborted()
        throw error
      }
      answer = await look(jobId)
    }
    return answer
  }

  async function cancel(jobId: string): Promise<void> {
    await connection
      .call({ method: 'POST', path: `jobs/${jobId}/cancel`, query: { location } })
      .catch(() => undefined) // It has ended by itself, or ends unread.
  }

  async function isUnderWay(prefix: string): Promise<boolean> {
    for (const stateFilter of ['pending', 'running']) {
      const query = { stateFilter, maxResults: 1000 }
      const answer = (await connection.call({ method: 'GET', path: 'jobs', query })) as {
        jobs?: { jobReference?: { jobId?: string } }[]
      }
      if (answer.jobs?.some(({ jobReference }) => jobReference?.jobId?.startsWith(prefix)))
        return true
    }
    return false
  }

  return {
    run: (wanted: JobWanted) => run(wanted),

    /**
     * Starts a job. `taken` resolves when BigQuery has it: it then comes to its end whatever becomes of us.
     * `done` is as `run`.
     */
    start(wanted: JobWanted): { taken: Promise<void>; done: Promise<DoneJob> } {
      const { promise: taken, resolve, reject } = Promise.withResolvers<void>()
      const done = run(wanted, resolve)
      done.catch(reject)
      return { taken, done }
    },

    /** Resolves when no job whose id begins with these words waits or runs, of whatever process. */
    async settled(words: readonly string[]): Promise<void> {
      const prefix = `${jobName(dataset, ...words)}_`
      for (let waitMs = firstLookMs; await isUnderWay(prefix); waitMs *= 1.5)
        await sleep(Math.min(waitMs, longestLookMs))
    },

    /** Runs a query and reads its rows, each value as text. Where its result has expired it is run again. */
    async rows(wanted: JobWanted): Promise<Rows> {
      const { jobId } = await run({ ...wanted, isThere: (id) => hasResult(connection, id) })
      const all: Rows = []
      for await (const page of listRows(connection, `queries/${jobId}`, { location }))
        all.push(...page)
      return all
    },

    /** Runs a query and reads its rows page by page. */
    async *pages(wanted: JobWanted): AsyncGenerator<Rows> {
      const { jobId } = await run({ ...wanted, isThere: (id) => hasResult(connection, id) })
      yield* listRows(connection, `queries/${jobId}`, { location })
    },

    /** What BigQuery says of a query without running it. @throws BigQueryFailure */
    async dryRun(query: Readonly<Record<string, unknown>> & { query: string }) {
      const answer = (await connection.call({
        method: 'POST',
        path: 'jobs',
        body: {
          jobReference: { projectId: project, location },
          configuration: { dryRun: true, query: { useLegacySql: false, ...query } },
        },
      })) as JobAnswer & {
        statistics?: {
          totalBytesProcessed?: string
          query?: { schema?: { fields?: { name: string; type: string; mode?: string }[] } }
        }
      }
      const { errorResult } = answer.status ?? {}
      if (errorResult) throw jobFailureOf(errorResult)
      const told = answer.statistics?.query
      return {
        statementType: told?.statementType ?? '',
        bytes: Number(answer.statistics?.totalBytesProcessed ?? told?.totalBytesProcessed ?? 0),
        columns: (told?.schema?.fields ?? []).map(({ name, type, mode }) => ({
          name,
          type: mode === 'REPEATED' ? `ARRAY<${type}>` : type,
        })),
      }
    },
  }
}

/** Results of a query without a destination live about a day. */
async function hasResult(connection: Connection, jobId: string): Promise<boolean> {
  try {
    const query = { location: connection.location, maxResults: 0 }
    await connection.call({ method: 'GET', path: `queries/${jobId}`, query })
    return true
  } catch (error) {
    if (error instanceof BigQueryFailure && error.kind === 'missing') return false
    throw error
  }
}

function usageOf(jobId: string, step: string, { statistics }: JobAnswer): JobUsage {
  return {
    jobId,
    step,
    bytesBilled: Number(statistics?.query?.totalBytesBilled ?? 0),
    slotMs: Number(statistics?.totalSlotMs ?? 0),
  }
}
