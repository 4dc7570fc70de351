// Reads requests of a frozen plan by listing whole partitions, which is free; a few of them stay in memory.
import { randomUUID } from 'node:crypto'
import { type PlannedRequest, type PlanRange, type Work } from '../port.ts'
import { orMissing, type Connection } from './client.ts'
import { planGone } from './gone.ts'
import { type Jobs } from './jobs.ts'
import { type LaneTable, type Plans } from './plan.ts'
import { asNumber, asText, listRows, type Rows } from './rows.ts'

/** How batches are read: `list` lists a partition for nothing; `query` runs a query for each, billed 10 MB at least. */
export type ReadBy = 'list' | 'query'

/** Partitions kept; each is at most some ten thousand recipients. Both lanes' pages and the next of each fit. */
const partitionsKept = 8

export interface ReadDeps {
  connection: Connection
  jobs: Jobs
  plans: Plans
  readBy: ReadBy
}

/** Whose batch it is, for the labels of a job. */
interface Owner {
  deliveryId: string
  campaignId: string | undefined
}

export function createReader({ connection, jobs, plans, readBy }: ReadDeps) {
  const kept = new Map<string, Promise<PlannedRequest[]>>()

  /** The rows of a partition: they come in any order, and all or none of them are of use. */
  async function list({ table }: LaneTable, start: number): Promise<Rows> {
    const rows: Rows = []
    const path = `${connection.tables}/${table}$${start}/data`
    const query = { selectedFields: 'request_no,ordinal,user_id,variables' }
    for await (const page of listRows(connection, path, query)) rows.push(...page)
    return rows
  }

  async function query({ table, interval }: LaneTable, start: number, owner: Owner): Promise<Rows> {
    return jobs.rows({
      ...owner,
      // Read anew each time: its result is of use to nobody later.
      id: ['read', randomUUID()],
      step: 'read',
      query: {
        query: `SELECT request_no, ordinal, user_id, variables FROM ${connection.named(table)}
          WHERE request_no >= ${start} AND request_no < ${start + interval}`,
      },
    })
  }

  /** Not cancelled with the batch that asks first, for others may be waiting for the same partition. */
  function partition(lane: LaneTable, start: number, owner: Owner): Promise<PlannedRequest[]> {
    const key = `${lane.table}$${start}`
    // Taken out and put in again, so that the one used longest ago is the first.
    const found =
      kept.get(key) ??
      orMissing(readBy === 'list' ? list(lane, start) : query(lane, start, owner)).then((rows) =>
        requestsOf(rows ?? []),
      )
    kept.delete(key)
    kept.set(key, found)
    for (const oldest of kept.keys()) {
      if (kept.size <= partitionsKept) break
      kept.delete(oldest)
    }
    found.catch(() => kept.delete(key))
    return found
  }

  return {
    /**
     * The requests `[fromRequest, toRequest)` of a lane, in order.
     * @throws PersonNeeded where the plan is gone, Error unless each of them is there with all its ordinals.
     */
    async readRequests(range: PlanRange, work: Work = {}): Promise<PlannedRequest[]> {
      const { deliveryId, attempt, fromRequest, toRequest } = range
      if (toRequest <= fromRequest) return []
      const owner = { deliveryId, campaignId: work.campaignId }
      const lane = await plans.lane(deliveryId, attempt, range.lane)
      if (!lane) throw planGone(lackOf(range))
      await plans.keep(deliveryId, attempt)
      const found: PlannedRequest[] = []
      const first = Math.floor(fromRequest / lane.interval) * lane.interval
      for (let start = first; start < toRequest; start += lane.interval)
        for (const request of await partition(lane, start, owner))
          if (request.requestNo >= fromRequest && request.requestNo < toRequest) found.push(request)
      const isWhole =
        found.length === toRequest - fromRequest &&
        found.every(({ requestNo }, index) => requestNo === fromRequest + index)
      if (!isWhole) {
        for (let start = first; start < toRequest; start += lane.interval)
          kept.delete(`${lane.table}$${start}`)
        // What was known of the table may be from when it was still there.
        plans.forget(deliveryId)
        if (!(await plans.lane(deliveryId, attempt, range.lane))) throw planGone(lackOf(range))
        throw new Error(
          `${lackOf(range)}: ${found.length} whole requests found. Nothing of them is sent; look whether rows or partitions of ${lane.table} were removed.`,
        )
      }
      return found
    },

    /** Forgets what is kept of a delivery, whose tables are being removed. */
    forget(deliveryId: string): void {
      for (const key of kept.keys()) if (key.includes(`_${deliveryId}__`)) kept.delete(key)
    },
  }
}

function lackOf({ deliveryId, attempt, lane, fromRequest, toRequest }: PlanRange): string {
  return `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold exactly the ${lane} requests ${fromRequest} to ${toRequest - 1}`
}

/** Rows as requests in order; one of which an ordinal is missing or doubled is left out. */
function requestsOf(rows: Rows): PlannedRequest[] {
  const byNumber = new Map<number, { variables: string; userIds: string[]; rows: number }>()
  for (const [requestNo, ordinal, userId, variables] of rows) {
    const number = asNumber(requestNo)
    const request = byNumber.get(number) ?? { variables: asText(variables), userIds: [], rows: 0 }
    request.userIds[asNumber(ordinal)] = asText(userId)
    request.rows += 1
    byNumber.set(number, request)
  }
  return [...byNumber]
    .sort(([a], [b]) => a - b)
    .filter(
      ([, { userIds, rows: count }]) =>
        userIds.length === count && Object.keys(userIds).length === count,
    )
    .map(([requestNo, { variables, userIds }]) => ({ requestNo, variables, userIds }))
}
