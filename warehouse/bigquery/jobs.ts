// Runs jobs: each under an id that follows from what it does, found again instead of run again, cancelled on abort.
import { setTimeout as sleep } from 'node:timers/promises'
import { HandedOver } from '../port.ts'
import { orMissing, type Connection } from './client.ts'
import { BigQueryFailure, failureOf, jobFailureOf } from './failures.ts'
import {
  usageOf,
  type DoneJob,
  type FoundJob,
  type JobAnswer,
  type JobWanted,
  type OnUsage,
} from './job.ts'
import { jobName, label } from './names.ts'
import { listRows, type Rows } from './rows.ts'

/** What jobs are run with. */
export interface JobsOptions {
  connection: Connection
  /** Most bytes that one query may be billed for. */
  maximumBytesBilled: number
  /**
   * Told of each job of a delivery that has ended, well or not; of one that is found again, again. Its promise is waited
   * for, so that a crash before it leaves a step that is begun again; it must not reject.
   */
  onUsage?: OnUsage | undefined
}

/** Runs jobs on a connection. */
export type Jobs = ReturnType<typeof createJobs>

/** Jobs of one step that a call makes before it gives up; each but the last is known to have failed. */
const jobsOfACall = 6
const longestLookMs = 2_000

export function createJobs({ connection, maximumBytesBilled, onUsage }: JobsOptions) {
  const { location, dataset, project } = connection
  const firstLookMs = connection.patienceMs / 5

  /**
   * Runs the job to its end. A new id is taken only when the one before is known to have failed, or what it left behind
   * is gone. What an earlier call's job failed for, be it a quota, may have passed since, so it is never the end.
   * @throws BigQueryFailure, or the signal's reason.
   */
  async function run(wanted: JobWanted, onTaken = () => {}): Promise<DoneJob> {
    const { signal, deliveryId } = wanted
    const name = jobName(dataset, ...wanted.id)
    for (let no = 0, failures = 0; ;) {
      const jobId = `${name}_${no}`
      signal?.throwIfAborted()
      const found = await startOrFind(jobId, wanted)
      const { wasThere } = found
      const hadEnded = wasThere && found.answer.status?.state === 'DONE'
      if (!hadEnded) onTaken()
      const ended = await waitFor(jobId, found.answer, signal)
      if (deliveryId !== undefined) await onUsage?.(deliveryId, usageOf(jobId, wanted.step, ended))
      const errorResult = ended.status?.errorResult
      if (!errorResult && (!wasThere || !wanted.isThere || (await wanted.isThere(jobId)))) {
        onTaken()
        return { jobId, wasThere }
      }
      if (hadEnded && found.isEarlier) {
        no = Math.max(no + 1, await lastOf(name, no))
        continue
      }
      const failure = errorResult
        ? jobFailureOf(errorResult)
        : new BigQueryFailure('lost', 'notFound', `What the job ${jobId} made is gone again.`)
      failures += 1
      const isPassing = failure.kind === 'lost' || failure.kind === 'throttled'
      if (!isPassing || failures === jobsOfACall) throw failure
      await connection.pause(failures, signal)
      no += 1
    }
  }

  /**
   * The number of the last job of that name, of which `known` is one. Numbers are taken one after the other, so it is
   * found in few looks also where a quota has made a thousand tries fail.
   */
  async function lastOf(name: string, known: number): Promise<number> {
    const isThere = async (no: number) => (await orMissing(look(`${name}_${no}`))) !== undefined
    let last = known
    let free = known + 1
    while (await isThere(free)) {
      const step = free - known
      last = free
      free += step
    }
    while (free - last > 1) {
      const middle = Math.floor((last + free) / 2)
      if (await isThere(middle)) last = middle
      else free = middle
    }
    return last
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
  async function startOrFind(jobId: string, wanted: JobWanted): Promise<FoundJob> {
    const { signal } = wanted
    let isRepeated = false
    try {
      const answer = await connection.call({
        method: 'POST',
        path: 'jobs',
        body: {
          jobReference: { projectId: project, location, jobId },
          configuration: configurationOf(wanted),
        },
        ...(wanted.upload && { upload: wanted.upload }),
        signal,
        onRepeat: () => (isRepeated = true),
      })
      return { answer: answer as JobAnswer, wasThere: false, isEarlier: false }
    } catch (error) {
      // Of a call whose answer was lost the job may be there.
      if (signal?.aborted && isRepeated) await endOf(jobId, signal)
      signal?.throwIfAborted()
      const failure = failureOf(error)
      if (failure.kind !== 'duplicate') throw failure
      // By us a moment ago, the answer being lost, or by a try before a crash: either way it is this job.
      return { answer: await look(jobId), wasThere: true, isEarlier: !isRepeated }
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
        await endOf(jobId, signal)
        signal?.throwIfAborted()
        throw error
      }
      answer = await look(jobId)
    }
    return answer
  }

  /** Cancels the job, unless another try of its step waits for it or will. */
  async function endOf(jobId: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.reason instanceof HandedOver) return
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
    async settled(words: readonly string[], signal?: AbortSignal): Promise<void> {
      const prefix = `${jobName(dataset, ...words)}_`
      for (let waitMs = firstLookMs; await isUnderWay(prefix); waitMs *= 1.5) {
        await sleep(Math.min(waitMs, longestLookMs))
        signal?.throwIfAborted()
      }
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
