// Loads parts of outcomes: those that wait go together in one job, so that a delivery stays within its table's quota.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChangeLimit, nextChangeAt } from '../../domain/change-limit.ts'
import { type Work } from '../port.ts'
import { type Connection } from './client.ts'
import { failureOf } from './failures.ts'
import { type Jobs } from './jobs.ts'
import { digestOf, outcomesTable } from './names.ts'
import { outcomesShape } from './schemas.ts'
import { type Tables } from './tables.ts'

/** A part as lines of JSON. */
export interface PartLines {
  /** The same for the same rows of the same part. */
  digest: string
  lines: readonly string[]
}

/**
 * BigQuery takes 5 changes of a table in 10 s and 1,500 in a day, over all processes: these are 4 in 10 s, evenly, for a
 * load may begin some time after its turn, and at most 1,365 in any 24 hours. The rest is for loads that are tried again.
 * https://cloud.google.com/bigquery/quotas#standard_tables
 */
const loadLimit: ChangeLimit = {
  burst: 1,
  burstMs: 2_500,
  beforeSlow: 500,
  slowMs: 100_000,
}
/**
 * Lines that one job takes at most; more wait for the next. They are in memory until the job has ended, some 60 MB.
 */
const linesAtOnce = 250_000

/**
 * Keeps the next change of a table for the asker, and answers in how many milliseconds it may begin. One that counts
 * the changes of all processes is what keeps them to BigQuery's limits.
 */
export type NextChange = (table: string, limit: ChangeLimit) => Promise<number>

/** Counts the changes of this process alone. */
function countChangesHere(): NextChange {
  const allowed = new Map<string, number[]>()
  return (table, limit) => {
    const earlier = (allowed.get(table) ?? []).slice(-limit.beforeSlow)
    const now = Date.now()
    const at = nextChangeAt(earlier, now, limit)
    allowed.set(table, [...earlier, at])
    return Promise.resolve(at - now)
  }
}

interface Waiting extends PartLines {
  campaignId: string | undefined
  resolve: () => void
  reject: (error: unknown) => void
}

interface Queue {
  waiting: Waiting[]
  isRunning: boolean
  /** Jobs that BigQuery has taken and not yet ended. */
  underWay: Set<Promise<void>>
}

export type Loads = ReturnType<typeof createLoads>

export function createLoads({
  connection,
  jobs,
  tables,
  nextChange = countChangesHere(),
}: {
  connection: Connection
  jobs: Jobs
  tables: Tables
  nextChange?: NextChange | undefined
}) {
  const queues = new Map<string, Queue>()

  async function pump(deliveryId: string, queue: Queue): Promise<void> {
    if (queue.isRunning) return
    queue.isRunning = true
    try {
      while (queue.waiting.length > 0) {
        try {
          await sleep(await nextChange(outcomesTable(deliveryId), loadLimit))
        } catch (error) {
          for (const { reject } of queue.waiting.splice(0)) reject(error)
          return
        }
        const group = takeGroup(queue)
        // All of them may have left while they waited.
        if (group.length === 0) return
        await load(deliveryId, queue, group).then(
          () => group.forEach(({ resolve }) => resolve()),
          (error: unknown) => group.forEach(({ reject }) => reject(error)),
        )
      }
    } finally {
      queue.isRunning = false
    }
  }

  /** Resolves when BigQuery has taken the job: from then on a crash of ours loses nothing of it. */
  async function load(deliveryId: string, queue: Queue, group: readonly Waiting[]): Promise<void> {
    const table = outcomesTable(deliveryId)
    await tables.ensureOnce(table, outcomesShape, true)
    const owner = { deliveryId, campaignId: group[0]?.campaignId }
    // Without a signal: a load has parts of several pages, and is of use whoever of them is gone.
    const wanted = {
      ...owner,
      id: [deliveryId, 'load', digestOf(...group.map(({ digest }) => digest))],
      step: 'load',
      load: {
        destinationTable: connection.reference(table),
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        schema: { fields: outcomesShape.fields },
        createDisposition: 'CREATE_IF_NEEDED',
        writeDisposition: 'WRITE_APPEND',
      },
      upload: () => group.flatMap(({ lines }) => lines),
      isThere: () => areThere(owner, group),
    }
    const { taken, done } = jobs.start(wanted)
    const watched = done.then(
      () => undefined,
      () => undefined, // Told to who waited for `taken`, or found by reconcile and made again from the ledger.
    )
    queue.underWay.add(watched)
    void watched.then(() => queue.underWay.delete(watched))
    await taken
  }

  /** Whether an earlier load of the same rows is still in the table: they may have been removed since. */
  async function areThere(
    owner: { deliveryId: string; campaignId: string | undefined },
    group: readonly PartLines[],
  ): Promise<boolean> {
    const { deliveryId } = owner
    const digests = group.map(({ digest }) => `'${digest}'`)
    try {
      const [counted] = await jobs.rows({
        ...owner,
        id: [deliveryId, 'look-for-load', randomUUID()],
        step: 'look-for-load',
        query: {
          query: `SELECT COUNT(DISTINCT load_id) FROM ${connection.named(outcomesTable(deliveryId))} WHERE load_id IN (${digests.join(', ')})`,
        },
      })
      return Number(counted?.[0]) === group.length
    } catch (error) {
      if (failureOf(error).kind === 'missing') return false
      throw error
    }
  }

  return {
    /** Adds a part's rows; resolves when BigQuery has taken them. An abort ends the wait for their turn. */
    add(deliveryId: string, part: PartLines, { campaignId, signal }: Work): Promise<void> {
      const queue = queues.get(deliveryId) ?? {
        waiting: [],
        isRunning: false,
        underWay: new Set(),
      }
      queues.set(deliveryId, queue)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiting = { ...part, campaignId, resolve, reject }
      const leave = () => {
        const place = queue.waiting.indexOf(waiting)
        if (place !== -1) queue.waiting.splice(place, 1)
        reject(signal?.reason)
      }
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      signal?.addEventListener('abort', leave, { once: true })
      queue.waiting.push(waiting)
      void pump(deliveryId, queue)
      return promise.finally(() => signal?.removeEventListener('abort', leave))
    },

    /** Resolves when no load of the delivery is under way any more, here or in another process. */
    async settle(deliveryId: string, signal?: AbortSignal): Promise<void> {
      const queue = queues.get(deliveryId)
      while (queue && queue.underWay.size > 0) await Promise.all(queue.underWay)
      await jobs.settled([deliveryId, 'load'], signal)
    },

    async close(): Promise<void> {
      for (const { underWay } of queues.values()) await Promise.all(underWay)
    },
  }
}

function takeGroup(queue: Queue): Waiting[] {
  const group: Waiting[] = []
  let lines = 0
  while (queue.waiting.length > 0) {
    const next = queue.waiting[0]
    if (!next || (group.length > 0 && lines + next.lines.length > linesAtOnce)) break
    // The same part given twice in one moment is one.
    const isIn = group.some(({ digest }) => digest === next.digest)
    if (isIn) break
    group.push(next)
    lines += next.lines.length
    queue.waiting.shift()
  }
  return group
}
