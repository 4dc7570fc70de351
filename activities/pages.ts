// Pages and rounds: which batches a child workflow has, and the part of the warehouse that it leaves.
import { type Gate } from '../domain/delivery.ts'
import { batchCount, type Lane, lanes, recipientsPerMulticast, requestsOf } from '../domain/lane.ts'
import { isFinal, pieceOf } from '../domain/ledger.ts'
import { pagesOf } from '../domain/plan.ts'
import { type LedgerBatch } from '../store/ledger.ts'
import { type OutcomeRow, type Work } from '../warehouse/port.ts'
import { beating } from './beating.ts'
import { createFailureLimit } from './failure-limit.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'
import { createWarehouseWork } from './warehouse-work.ts'

export interface PageKey {
  deliveryId: string
  lane: Lane
  round: number
  pageNo: number
}

/** What the store tells of a delivery with a plan. */
export interface RecoveryPoint {
  /** Recipients in the plan. */
  planned: number
  /** The highest round that pages or parts may be named by. */
  lastRound: number
  /** Whether no batch was ever attempted. */
  isUntouched: boolean
}

/** Batches whose records are in memory at once while a part is written. */
const batchesAtOnce = 20

/** Outcomes that were reached in the round, as rows of a part. */
export function outcomeRows(
  deliveryId: string,
  batch: LedgerBatch,
  round: number,
  retryKey: MakeRetryKey,
): OutcomeRow[] {
  const rows: OutcomeRow[] = []
  for (const [name, record] of Object.entries(batch.records)) {
    if (!isFinal(record) || record.round !== round) continue
    const piece = pieceOf(name, record)
    const wasCalled = record.state !== 'skipped' && record.firstCallAt !== undefined
    rows.push({
      lane: batch.lane,
      requestNo: piece.requestNo,
      fromOrdinal: piece.fromOrdinal,
      toOrdinal: piece.toOrdinal,
      outcome: record.state,
      lineRequestId: record.lineRequestId ?? null,
      retryKey: wasCalled
        ? retryKey({
            deliveryId,
            lane: batch.lane,
            requestNo: piece.requestNo,
            ...(piece.isSplit && { fromOrdinal: piece.fromOrdinal, toOrdinal: piece.toOrdinal }),
            generation: record.generation,
          })
        : null,
      at: record.at,
      reason: record.reason ?? null,
    })
  }
  return rows
}

/** Writes the part of a page from the ledger; the same page gives the same part, or a fuller one. */
export function createPartWriter(
  deps: Pick<ActivityDeps, 'store' | 'warehouse'> & { retryKey: MakeRetryKey },
) {
  const { store, warehouse, retryKey } = deps

  async function* rowsOf(deliveryId: string, lane: Lane, round: number, batches: number[]) {
    for (let from = 0; from < batches.length; from += batchesAtOnce) {
      const numbers = batches.slice(from, from + batchesAtOnce)
      for (const batch of await store.ledger.batches(deliveryId, lane, numbers))
        yield outcomeRows(deliveryId, batch, round, retryKey)
    }
  }

  return async function writePart(
    part: { deliveryId: string; lane: Lane; round: number; page: string },
    batches: number[],
    work: Work,
  ): Promise<void> {
    await warehouse.writePart(part, rowsOf(part.deliveryId, part.lane, part.round, batches), work)
  }
}

/** Most recipients that a batch can have. */
function mostRecipients(lane: Lane, batchNo: number, laneRequests: number): number {
  const { fromRequest, toRequest } = requestsOf(lane, batchNo, laneRequests)
  return (toRequest - fromRequest) * (lane === 'multicast' ? recipientsPerMulticast : 1)
}

export function createPageActivities(
  deps: Pick<ActivityDeps, 'store' | 'warehouse' | 'roundDelaysMs'> & { retryKey: MakeRetryKey },
) {
  const { store, roundDelaysMs } = deps
  const writePart = createPartWriter(deps)
  const holdToLimit = createFailureLimit(deps)
  const workingFor = createWarehouseWork(deps)

  async function find(key: PageKey) {
    const page = await store.plans.page(key.deliveryId, key.lane, key.round, key.pageNo)
    if (!page)
      throw new Error(
        `Delivery ${key.deliveryId} has no page ${key.lane}/${key.round}-${key.pageNo}.`,
      )
    return page
  }

  async function planOf(deliveryId: string) {
    const plan = await store.plans.find(deliveryId)
    if (!plan) throw new Error(`Delivery ${deliveryId} has no plan.`)
    return plan
  }

  /** Batches in which somebody has no outcome, those among them that no attempt ever reached, ascending. */
  async function leftOf(deliveryId: string, lane: Lane, laneRequests: number): Promise<number[]> {
    const [attempted, unresolved] = await Promise.all([
      store.ledger.attempted(deliveryId, lane),
      store.ledger.unresolved(deliveryId, lane),
    ])
    const isDone = new Set(attempted)
    for (const batchNo of unresolved) isDone.delete(batchNo)
    return Array.from({ length: batchCount(lane, laneRequests) }, (_, batchNo) => batchNo).filter(
      (batchNo) => !isDone.has(batchNo),
    )
  }

  return {
    /** The page's batches, and the gate as it is now. */
    async openPage(key: PageKey): Promise<{ batches: number[]; gate: Gate }> {
      const [page, delivery] = await beating(() =>
        Promise.all([find(key), store.deliveries.find(key.deliveryId)]),
      )
      if (!delivery) throw new Error(`There is no delivery ${key.deliveryId}.`)
      return { batches: page.batches, gate: delivery.gate }
    },

    recordPage: (key: PageKey): Promise<void> =>
      workingFor(key.deliveryId, async (work) => {
        const page = await find(key)
        await writePart({ ...key, page: `${key.pageNo}` }, page.batches, work)
        // A worker may have died between its last merge and its look at the limit.
        await holdToLimit(key.deliveryId)
      }),

    /** How far a delivery has come whose workflow is begun again; null where its audience is not frozen yet. */
    async findStanding({ deliveryId }: { deliveryId: string }): Promise<RecoveryPoint | null> {
      return beating(async () => {
        const [delivery, plan, lastRound, ...attempted] = await Promise.all([
          store.deliveries.find(deliveryId),
          store.plans.find(deliveryId),
          store.plans.lastRound(deliveryId),
          ...lanes.map((lane) => store.ledger.attempted(deliveryId, lane)),
        ])
        if (!delivery) throw new Error(`There is no delivery ${deliveryId}.`)
        if (!plan) return null
        return {
          planned: plan.recipients.multicast + plan.recipients.push,
          lastRound: Math.max(lastRound, delivery.closingRound ?? 0),
          isUntouched: attempted.every((batches) => batches.length === 0),
        }
      })
    },

    async countPages(input: { deliveryId: string; round: number }): Promise<Record<Lane, number>> {
      return beating(async () => {
        // Asked for when the round begins, which is told to whoever looks.
        if (input.round > 0) await store.plans.setNextRound(input.deliveryId, input.round, 0)
        return store.plans.pageCounts(input.deliveryId, input.round)
      })
    },

    /** Makes pages of the batches in which somebody has no outcome yet; how many these are, and when they are due. */
    async planRound(input: {
      deliveryId: string
      round: number
    }): Promise<{ batches: number; delayMs?: number }> {
      return beating(async () => {
        const plan = await planOf(input.deliveryId)
        let count = 0
        for (const lane of lanes) {
          const batches = await leftOf(input.deliveryId, lane, plan.requests[lane])
          count += batches.length
          const sizes = batches.map((batchNo) => mostRecipients(lane, batchNo, plan.requests[lane]))
          const pages = pagesOf(sizes).map(({ fromBatch, toBatch }, pageNo) => ({
            lane,
            pageNo,
            batches: batches.slice(fromBatch, toBatch),
          }))
          await store.plans.addRound(input.deliveryId, input.round, pages)
        }
        const delayMs = roundDelaysMs[input.round - 1] ?? roundDelaysMs.at(-1) ?? 0
        if (count > 0) await store.plans.setNextRound(input.deliveryId, input.round, delayMs)
        return { batches: count, delayMs }
      })
    },
  }
}

export type PageActivities = ReturnType<typeof createPageActivities>
