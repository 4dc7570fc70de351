// How far refused requests are split before a person is asked: a budget of calls, and requests refused as a whole.
import { type Lane } from '../domain/lane.ts'
import { type LedgerRecords, pieceOf } from '../domain/ledger.ts'
import { type SplitBudgets, type SplitPause } from '../store/split-budget.ts'

/** The budget as a share of the lane's requests; delivery-protocol 7. */
const budgetShare = 0.02
/**
 * The least budget, in calls: a second of LINE's multicast rate. One refused recipient among 500 costs 18, ten in one
 * request at most 140, so that a small delivery isn't paused for a few.
 */
const leastBudget = 200
/** A request is refused as a whole when each sixteenth of it was refused: whoever is refused, it is no few. */
const openShare = 1 / 32
/** A smaller request is so only when everybody was refused alone. */
const leastForShares = 64

/** Calls that splitting may cost a lane before the delivery is paused. */
export function splitBudgetOf(laneRequests: number): number {
  return Math.max(Math.floor(laneRequests * budgetShare), leastBudget)
}

/** How many parts of a request LINE has refused, where it refuses the request as a whole; else 0. */
export function refusedAsAWhole(records: LedgerRecords, requestNo: number): number {
  const whole = records[requestNo]?.recipients ?? 0
  const mostOpen = whole < leastForShares ? 0 : Math.ceil(whole * openShare)
  let refused = 0
  for (const [name, record] of Object.entries(records)) {
    const piece = pieceOf(name, record)
    if (piece.requestNo !== requestNo || !piece.isSplit) continue
    const isOpen = record.state === 'not-accepted' || record.state === 'in-doubt'
    if (isOpen && record.recipients <= mostOpen) continue
    if (record.state !== 'split' && record.state !== 'rejected') return 0
    refused += 1
  }
  return refused
}

export interface SplitWatch {
  /** Why the delivery must pause, after a refusal of the request that is on record; undefined where it need not. */
  overspent(requestNo: number, records: LedgerRecords, words: string): Promise<string | undefined>
  /** To be noted with the pause for it: a resume means that splitting goes on. */
  spent(): SplitPause | undefined
}

/** Watches what splitting costs one lane of a delivery, as one attempt of a batch sees it. */
export function watchSplits(
  ledger: SplitBudgets,
  delivery: { deliveryId: string; lane: Lane; laneRequests: number },
): SplitWatch {
  const { deliveryId, lane, laneRequests } = delivery
  const budget = splitBudgetOf(laneRequests)
  let spent: { calls: number; wholeRequests: number[] } | undefined

  return {
    async overspent(requestNo, records, words) {
      const { calls, callsBefore, rejected, wholeRequests } = await ledger.splitCost(
        deliveryId,
        lane,
      )
      const asked = `${words} Look at the segment and at the content; resume to go on splitting, or cancel.`
      const parts = refusedAsAWhole(records, requestNo)
      if (parts > 0 && !wholeRequests.includes(requestNo)) {
        spent = { calls, wholeRequests: [...(spent?.wholeRequests ?? []), requestNo] }
        return `LINE refuses everybody in ${lane} request ${requestNo} so far: ${parts} parts of it, and none was accepted. ${asked}`
      }
      const cost = calls - callsBefore
      if (cost <= budget) return undefined
      spent = { calls, wholeRequests: spent?.wholeRequests ?? [] }
      return `Splitting refused ${lane} requests has cost ${cost} calls, more than its budget of ${budget} for ${laneRequests} requests; ${rejected} recipients were refused. ${asked}`
    },
    spent: () => spent && { lane, ...spent },
  }
}
