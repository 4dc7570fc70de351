// A frozen plan as tables: one a lane, cut into partitions of whole batches, with its sizes in its labels.
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type Connection } from './client.ts'
import { workingTable } from './names.ts'
import { text } from './sql-text.ts'
import { type Tables } from './tables.ts'

/**
 * Most partitions that one job may write; a table may have 10,000.
 * https://cloud.google.com/bigquery/quotas#partitioned_tables
 */
const mostPartitions = 4_000

/** One lane of a plan as it lies in BigQuery. */
export interface LaneTable {
  table: string
  requests: number
  recipients: number
  /** Requests in a partition. */
  interval: number
}

/** Requests in one partition: whole batches, as few as keep the lane within the limit. */
export function partitionSize(lane: Lane, requests: number): number {
  const batches = Math.ceil(requests / requestsPerBatch[lane])
  return requestsPerBatch[lane] * Math.max(1, Math.ceil(batches / mostPartitions))
}

/** The clauses of a CREATE TABLE that make a lane's table out of the rows of its SELECT. */
export function laneClauses(
  lane: Lane,
  size: { requests: number; recipients: number },
  keepDays: number,
): string {
  const interval = partitionSize(lane, size.requests)
  const end = Math.max(1, Math.ceil(size.requests / interval)) * interval
  return `PARTITION BY RANGE_BUCKET(request_no, GENERATE_ARRAY(0, ${end}, ${interval}))
    OPTIONS (${expiring(keepDays)}, labels = [('app', 'lfm'), ('requests', ${text(String(size.requests))}), ('recipients', ${text(String(size.recipients))})])`
}

/** An entry of OPTIONS: the table's end, so many days from now. */
export function expiring(days: number): string {
  return `expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL ${days} DAY)`
}

/** Finds the lanes of a plan; the sizes that they were made with don't change while a process lives. */
export function createPlans(tables: Tables) {
  const known = new Map<string, LaneTable>()

  async function lane(
    deliveryId: string,
    attempt: string,
    which: Lane,
  ): Promise<LaneTable | undefined> {
    const table = workingTable(which, deliveryId, attempt)
    const before = known.get(table)
    if (before) return before
    const facts = await tables.find(table)
    const requests = facts?.labels['requests']
    const recipients = facts?.labels['recipients']
    if (!facts || requests === undefined || recipients === undefined) return undefined
    if (facts.rows !== Number(recipients))
      throw new Error(
        `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold its ${recipients} ${which} recipients: ${facts.rows} found. Don't send; look whether rows or partitions of the table ${table} were removed.`,
      )
    const found = {
      table,
      requests: Number(requests),
      recipients: Number(recipients),
      interval: facts.interval ?? partitionSize(which, Number(requests)),
    }
    known.set(table, found)
    return found
  }

  return {
    lane,

    /** Both lanes, looked at anew; undefined unless both are there. */
    async find(deliveryId: string, attempt: string): Promise<Record<Lane, LaneTable> | undefined> {
      for (const which of lanes) known.delete(workingTable(which, deliveryId, attempt))
      const multicast = await lane(deliveryId, attempt, 'multicast')
      const push = await lane(deliveryId, attempt, 'push')
      return multicast && push && { multicast, push }
    },

    /** Moves the end of the plan's tables on. */
    async keep(deliveryId: string, attempt: string, signal?: AbortSignal): Promise<void> {
      for (const kind of ['segment', ...lanes] as const)
        await tables.keep(workingTable(kind, deliveryId, attempt), signal)
    },

    /** Forgets what was known of a delivery's plans, for they are being removed. */
    forget(deliveryId: string): void {
      for (const table of known.keys()) if (table.includes(`_${deliveryId}__`)) known.delete(table)
    },
  }
}

export type Plans = ReturnType<typeof createPlans>

/** Both lanes of a plan as one relation, with the lane's name. */
export function planRelation(
  connection: Connection,
  plan: Readonly<Record<Lane, Pick<LaneTable, 'table'>>>,
): string {
  const parts = lanes.map(
    (lane) =>
      `SELECT '${lane}' AS lane, request_no, ordinal, user_id, variables FROM ${connection.named(plan[lane].table)}`,
  )
  return `(${parts.join(' UNION ALL ')})`
}
