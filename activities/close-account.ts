// The end of a delivery: everybody gets an outcome, plan and outcomes are compared, the log is made.
import { setTimeout as sleep } from 'node:timers/promises'
import { log } from '@temporalio/activity'
import { batchOf, type Lane, lanes, requestsOf } from '../domain/lane.ts'
import {
  isFinal,
  type LedgerRecord,
  type LedgerRecords,
  mayHaveBeenAccepted,
  pieceOf,
} from '../domain/ledger.ts'
import { type Account, addsUp } from '../domain/outcome.ts'
import { type CommittedPlan } from '../store/plans.ts'
import { PersonNeeded, type PartName, type Work } from '../warehouse/port.ts'
import { createPartWriter } from './pages.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'
import { createWarehouseWork } from './warehouse-work.ts'

/** Page name of the parts that hold what no page resolved. */
const restPage = 'rest'
const neverReachedPage = 'never-reached'
const napMs = 1_000
/** Batches that are still open then are for `reconcile` to tell of. */
const mostPasses = 10

/** What comparing plan and outcomes came to. */
export type Reconciled = { kind: 'exact'; account: Account } | { kind: 'differs'; why: string }

export function createCloseActivities(
  deps: Pick<ActivityDeps, 'store' | 'warehouse' | 'now'> & { retryKey: MakeRetryKey },
) {
  const { store, warehouse, now } = deps
  const writePart = createPartWriter(deps)
  const workingFor = createWarehouseWork(deps)

  /** Final outcomes for what is open in an attempted batch: unknown where a call may have been accepted. */
  async function closeBatch(
    deliveryId: string,
    lane: Lane,
    batchNo: number,
    facts: { attempt: string; laneRequests: number; round: number; why: string },
    work: Work,
  ): Promise<void> {
    const [batch] = await store.ledger.batches(deliveryId, lane, [batchNo])
    if (!batch) throw new Error(`Batch ${lane}/${batchNo} of delivery ${deliveryId} is gone.`)
    const at = new Date(now()).toISOString()
    const changes: LedgerRecords = {}
    const range = requestsOf(lane, batchNo, facts.laneRequests)
    const planned = await warehouse.readRequests(
      { deliveryId, attempt: facts.attempt, lane, ...range },
      work,
    )
    const calledBelow = await store.ledger.calledBelow({ deliveryId, lane, batchNo })
    for (const { requestNo, userIds } of planned) {
      if (batch.records[requestNo] !== undefined) continue
      const wasCalled = mayHaveBeenAccepted(undefined, requestNo, calledBelow)
      changes[requestNo] = {
        state: wasCalled ? 'unknown' : 'unsent',
        recipients: userIds.length,
        fromOrdinal: 0,
        toOrdinal: userIds.length,
        round: facts.round,
        generation: 0,
        at,
        ...(wasCalled && { firstCallAt: at }),
        reason: facts.why,
      }
    }
    for (const [name, record] of Object.entries(batch.records)) {
      if (isFinal(record) || record.state === 'split') continue
      const { requestNo } = pieceOf(name, record)
      const state = mayHaveBeenAccepted(record, requestNo, calledBelow) ? 'unknown' : 'unsent'
      const closed: LedgerRecord = { ...record, state, round: facts.round, at }
      changes[name] = { ...closed, reason: record.reason ?? facts.why }
    }
    await store.ledger.merge({ deliveryId, lane, batchNo, attemptNo: batch.attempts }, changes)
  }

  /** Runs of requests that no attempt ever reached. */
  function neverReached(lane: Lane, laneRequests: number, attempted: readonly number[]) {
    const reached = new Set(attempted)
    const ranges: { fromRequest: number; toRequest: number }[] = []
    if (laneRequests === 0) return ranges
    for (let batchNo = 0; batchNo <= batchOf(lane, laneRequests - 1); batchNo++) {
      if (reached.has(batchNo)) continue
      const range = requestsOf(lane, batchNo, laneRequests)
      const last = ranges.at(-1)
      if (last && last.toRequest === range.fromRequest) last.toRequest = range.toRequest
      else ranges.push(range)
    }
    return ranges
  }

  /** The parts that a cancel leaves: what no page resolved, and whom no attempt ever reached. */
  async function writeClosingParts(
    lane: Lane,
    { deliveryId, round }: { deliveryId: string; round: number },
    facts: { attempt: string; laneRequests: number; attempted: number[]; why: string },
    work: Work,
  ): Promise<PartName[]> {
    const rest = { deliveryId, lane, round, page: restPage }
    await writePart(rest, facts.attempted, work)
    const ranges = neverReached(lane, facts.laneRequests, facts.attempted)
    if (ranges.length === 0) return [rest]
    const unsent = { ...rest, page: neverReachedPage }
    const why = { at: new Date(now()).toISOString(), reason: facts.why }
    await warehouse.writeUnsent(unsent, facts.attempt, ranges, why, work)
    return [rest, unsent]
  }

  /** Makes every part again as the ledger has it. @returns those that it made */
  async function makePartsAgain(
    plan: CommittedPlan,
    closing: { deliveryId: string; closingRound: number; closedBecause: string | null },
    work: Work,
  ): Promise<PartName[]> {
    const { deliveryId, closedBecause } = closing
    const made: PartName[] = []
    for (const { lane, round, pageNo, batches } of await store.plans.pages(deliveryId)) {
      const part = { deliveryId, lane, round, page: `${pageNo}` }
      await writePart(part, batches, work)
      made.push(part)
    }
    if (closedBecause !== null) {
      const round = await store.deliveries.closingRound(deliveryId, closing.closingRound)
      for (const lane of lanes) {
        const facts = {
          attempt: plan.attempt,
          laneRequests: plan.requests[lane],
          attempted: await store.ledger.attempted(deliveryId, lane),
          why: closedBecause,
        }
        made.push(...(await writeClosingParts(lane, { deliveryId, round }, facts, work)))
      }
    }
    return made
  }

  return {
    /**
     * Gives everybody without an outcome one: `unknown` where a call may have been accepted, else `unsent`.
     * Waits first until no call of this delivery can be on the wire any more.
     * @param input.round counts the first time; whoever closes it again closes it in the same round.
     */
    async closeLedger(input: { deliveryId: string; round: number; why: string }): Promise<void> {
      const { deliveryId, why } = input
      await workingFor(deliveryId, async (work) => {
        const plan = await store.plans.find(deliveryId)
        if (!plan) throw new Error(`Delivery ${deliveryId} has no plan.`)
        const round = await store.deliveries.closingRound(deliveryId, input.round)
        for (;;) {
          const leftMs = await store.ledger.callsEndInMs(deliveryId)
          if (leftMs <= 0) break
          await sleep(Math.min(leftMs, napMs), undefined, { signal: work.signal })
        }
        for (const lane of lanes) {
          const laneRequests = plan.requests[lane]
          const facts = { attempt: plan.attempt, laneRequests, round, why }
          // An attempt that begins between a look at its batch and the merge makes that merge count for nothing.
          for (let pass = 0; pass < mostPasses; pass++) {
            const open = await store.ledger.unresolved(deliveryId, lane)
            if (open.length === 0) break
            for (const batchNo of open) await closeBatch(deliveryId, lane, batchNo, facts, work)
          }
          const attempted = await store.ledger.attempted(deliveryId, lane)
          await writeClosingParts(lane, { deliveryId, round }, { ...facts, attempted }, work)
        }
      })
    },

    /**
     * Compares plan and outcomes in the warehouse. Where a part is missing or damaged, all are made again from the
     * ledger once; where they still differ it says so, for a delivery must not end with a false account.
     */
    async reconcile(input: {
      deliveryId: string
      closingRound: number
      /** Why the ledger was closed before everybody had an answer; null where it was not. */
      closedBecause: string | null
    }): Promise<Reconciled> {
      const { deliveryId } = input
      const compare = async (work: Work): Promise<Reconciled> => {
        const plan = await store.plans.find(deliveryId)
        if (!plan) throw new Error(`Delivery ${deliveryId} has no plan.`)
        let result = await warehouse.reconcile(deliveryId, plan.attempt, work)
        if (!result.isExact) {
          log.warn('Plan and outcomes differ; the parts are made again from the ledger', {
            withoutOutcome: result.withoutOutcome,
            outcomesWithoutRecipient: result.outcomesWithoutRecipient,
            withTwoOutcomes: result.withTwoOutcomes,
            unreadableParts: result.unreadableParts,
          })
          // What the ledger knows nothing of goes.
          const made = await makePartsAgain(plan, input, work)
          await warehouse.dropOtherParts(deliveryId, made, work)
          result = await warehouse.reconcile(deliveryId, plan.attempt, work)
        }
        if (result.isExact && addsUp(result.account))
          return { kind: 'exact', account: result.account }
        return {
          kind: 'differs',
          why: `The account does not add up: ${result.withoutOutcome} recipients without an outcome, ${result.outcomesWithoutRecipient} outcomes of nobody, ${result.withTwoOutcomes} recipients with two, ${result.doubledUserIds} user ids twice in the plan. See docs/runbook.md, "The account does not add up".`,
        }
      }
      try {
        return await workingFor(deliveryId, compare)
      } catch (error) {
        // Looked at again when somebody resumes.
        if (error instanceof PersonNeeded) return { kind: 'differs', why: error.message }
        throw error
      }
    },

    /** Makes the delivery's rows of `delivery_log`. */
    async materialiseLog({ deliveryId }: { deliveryId: string }): Promise<{ rows: number }> {
      return workingFor(deliveryId, async (work) => {
        const [delivery, plan] = await Promise.all([
          store.deliveries.find(deliveryId),
          store.plans.find(deliveryId),
        ])
        if (!delivery || !plan) throw new Error(`Delivery ${deliveryId} has no plan.`)
        const make = () =>
          warehouse.materialiseLog(
            {
              deliveryId,
              campaignId: delivery.campaignId,
              channelId: delivery.channelId,
              attempt: plan.attempt,
            },
            work,
          )
        const planned = plan.recipients.multicast + plan.recipients.push
        const first = await make().catch((error: unknown) => {
          if (error instanceof PersonNeeded || work.signal.aborted) throw error
          return { rows: 0 }
        })
        if (first.rows === planned) return first
        // A part has gone, or was damaged, since the account was made; if it is something else, it is thrown below.
        log.warn('The log lacks rows; the parts are made again from the ledger', first)
        const { closingRound, gate } = delivery
        const closing = {
          deliveryId,
          closingRound: closingRound ?? 0,
          closedBecause: closingRound === null ? null : `Cancelled: ${gate.why ?? ''}`,
        }
        await makePartsAgain(plan, closing, work)
        const second = await make()
        if (second.rows === planned) return second
        throw new Error(
          `The log of delivery ${deliveryId} has ${second.rows} rows, its plan ${planned} recipients.`,
        )
      })
    },
  }
}

export type CloseActivities = ReturnType<typeof createCloseActivities>
