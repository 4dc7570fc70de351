// `sendBatch`: the one activity that calls LINE with messages; any number of repeats reach nobody twice.
import { activityInfo, cancellationSignal, log } from '@temporalio/activity'
import { type Gate } from '../domain/delivery.ts'
import { type Lane, requestsOf } from '../domain/lane.ts'
import { CancelledBefore, isFailure } from '../domain/ledger.ts'
import { PersonNeeded } from '../warehouse/port.ts'
import { beating } from './beating.ts'
import { openBatchBook } from './batch-book.ts'
import { callPieces } from './call-pieces.ts'
import { createFailureLimit } from './failure-limit.ts'
import { createLanePace } from './lane-pace.ts'
import { createPermitQueue } from './permit-queue.ts'
import { createDeliveryContexts } from './delivery-context.ts'
import { createHoldForPerson } from './hold-for-person.ts'
import { createFindOrder } from './order-of-checks.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'
import { renderBatch } from './rendered-batch.ts'
import { createSteadyClock } from './steady-clock.ts'
import { createThrottleNotes } from './throttle-notes.ts'
import { createWirePlaces } from './wire-places.ts'

export interface SendBatchInput {
  deliveryId: string
  lineChannelId: string
  lane: Lane
  batchNo: number
  round: number
}

export type SendBatchResult =
  /** Nothing more to do in this round; what is unresolved is left to the next. */
  | { kind: 'finished'; finalRecipients: number; unresolvedRequests: number }
  /** Time was up, or the worker is going: schedule it again. */
  | { kind: 'again' }
  /** The gate is not open. */
  | { kind: 'held'; gate: Gate }
  /** The lane's rate is 0. */
  | { kind: 'stopped' }

/** One attempt works at most so long, so that no worker holds a batch for ever. */
const attemptMs = 30_000

export function createSendActivities(
  deps: Pick<
    ActivityDeps,
    | 'store'
    | 'warehouse'
    | 'line'
    | 'compileTemplate'
    | 'now'
    | 'monotonicNow'
    | 'draining'
    | 'mergeEveryMs'
  > & { retryKey: MakeRetryKey },
) {
  const { store, warehouse, now } = deps
  const steadyNow = createSteadyClock({
    wallNow: now,
    monotonicNow: deps.monotonicNow ?? (() => performance.now()),
  })
  const contextOf = createDeliveryContexts(deps)
  const traffic = {
    inTurn: createPermitQueue(),
    pace: createLanePace(steadyNow),
    places: createWirePlaces(deps.line.callsAtOnce),
    noteThrottle: createThrottleNotes(store.ledger),
  }
  const findOrder = createFindOrder({ line: deps.line, steadyNow })
  const holdToLimit = createFailureLimit(deps)
  const holdForPerson = createHoldForPerson(store)

  /** The ledger, which looks at the campaign's limit after each merge of somebody who can't be reached. */
  const watchedLedger: typeof store.ledger = {
    ...store.ledger,
    async merge(batch, records) {
      await store.ledger.merge(batch, records)
      if (Object.values(records).some(isFailure)) await holdToLimit(batch.deliveryId)
    },
  }

  async function attempt(input: SendBatchInput): Promise<SendBatchResult> {
    const { deliveryId, lane, batchNo, round } = input
    const stopBy = steadyNow() + attemptMs
    const context = await contextOf(deliveryId)
    const { plan } = context
    const range = requestsOf(lane, batchNo, plan.requests[lane])
    const planned = await warehouse.readRequests(
      { deliveryId, attempt: plan.attempt, lane, ...range },
      { campaignId: context.delivery.campaignId },
    )
    const batch = renderBatch(planned, context.template)
    // Written before the first call: no row, no call.
    const begun = await store.ledger.beginAttempt({
      deliveryId,
      lane,
      batchNo,
      round,
      planAttempt: plan.attempt,
      bodyDigest: batch.digest,
      recipients: batch.recipients,
    })
    const book = openBatchBook({
      batch,
      round,
      records: begun.records,
      attemptNo: begun.attemptNo,
      attemptAgesMs: begun.attemptAgesMs,
      earlierCallsEndInMs: begun.earlierCallsEndInMs,
      calledBelow: begun.calledBelow,
      now,
      steadyNow,
    })
    const stopped = await callPieces({
      ...deps,
      store: { ...store, ledger: watchedLedger },
      ...traffic,
      findOrder,
      input,
      context,
      batch,
      book,
      attemptNo: begun.attemptNo,
      steadyNow,
      stopBy,
      cancelled: cancellationSignal(),
    })
    if (stopped.kind !== 'finished') return stopped
    return {
      kind: 'finished',
      finalRecipients: book.finalRecipients(),
      unresolvedRequests: book.unresolvedRequests(),
    }
  }

  return {
    async sendBatch(input: SendBatchInput): Promise<SendBatchResult> {
      try {
        return await beating(() => attempt(input))
      } catch (error) {
        if (error instanceof CancelledBefore) return { kind: 'held', gate: error.gate }
        if (error instanceof PersonNeeded)
          return { kind: 'held', gate: await holdForPerson(input.deliveryId, error.message) }
        if (!(error instanceof Error && error.name === 'BodiesDiffer')) throw error
        log.error('A batch renders differently than at its first attempt', {
          lane: input.lane,
          batchNo: input.batchNo,
          attempt: activityInfo().attempt,
        })
        const moved = await store.deliveries.moveGate(input.deliveryId, 'paused', {
          by: 'LFM',
          why: error.message,
        })
        if (!moved) throw error
        return { kind: 'held', gate: moved.delivery.gate }
      }
    },
  }
}

export type SendActivities = ReturnType<typeof createSendActivities>
