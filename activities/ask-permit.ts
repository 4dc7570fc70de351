// Asks PostgreSQL for permits, one asker of a lane and process at a time, and only for calls that have a connection.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Permit } from '../store/permits.ts'
import { type InTurn } from './permit-queue.ts'
import { type ActivityDeps } from './ports.ts'
import { type SendBatchInput } from './send-batch.ts'
import { type WirePlaces } from './wire-places.ts'

/** A permit dies so long after its start. */
export const permitLifetimeMs = 1_000
/** A permit that could only start later than this is not taken: a pause must act within 2 s. */
const longestPermitWaitMs = 500
const longestNapMs = 250
const shortestNapMs = 5

type Granted = Extract<Permit, { answer: 'granted' }>

/** A permit with the times of question and answer, by the steady clock. */
export type GrantedPermit = Granted & { askedAt: number; answeredAt: number }

/**
 * Asks for so many calls at most; `wait` is answered only where there is a reason to stop asking.
 * @param belowRequest above the number of every request that so many calls would be for if they were permitted at that
 *   time, by the steady clock
 */
export type AskPermit = (
  calls: number,
  belowRequest: (calls: number, time: number) => number,
) => Promise<Exclude<Permit, Granted> | GrantedPermit>

/** Makes the asker of one attempt of a batch. */
export function createAskPermit(options: {
  ledger: Pick<ActivityDeps['store']['ledger'], 'takePermit'>
  inTurn: InTurn
  places: WirePlaces
  batch: SendBatchInput
  attemptNo: number
  priority: number
  /** The longest that a call may be on the wire. */
  deadlineMs: number
  steadyNow: () => number
  /** Nobody wants a permit any more. */
  isEnough: () => boolean
}): AskPermit {
  const { isEnough, steadyNow, attemptNo } = options
  const { deliveryId, lane, batchNo, lineChannelId } = options.batch
  const coversMs = (permit: Awaited<ReturnType<AskPermit>>) =>
    permit.answer === 'granted'
      ? permit.startInMs + (permit.calls * 1_000) / permit.callsPerSecond
      : 0
  return (wanted, belowRequest) => {
    const ask = async (): ReturnType<AskPermit> => {
      for (;;) {
        const calls = await options.places.untilFree(wanted, isEnough)
        const askedAt = steadyNow()
        // Looked at before it asks: a permit that nobody may use is rate that is gone.
        if (calls === 0 || isEnough()) return { answer: 'wait', waitMs: 0 }
        const permit = await options.ledger.takePermit(
          { deliveryId, lane, batchNo, attemptNo, lineChannelId },
          { calls, belowRequest: belowRequest(calls, askedAt) },
          {
            deadlineMs: options.deadlineMs,
            longestWaitMs: longestPermitWaitMs,
            lifetimeMs: permitLifetimeMs,
          },
        )
        if (permit.answer === 'granted') return { ...permit, askedAt, answeredAt: steadyNow() }
        if (permit.answer !== 'wait') return permit
        await sleep(Math.max(shortestNapMs, Math.min(permit.waitMs, longestNapMs)))
      }
    }
    return options.inTurn(`${lineChannelId}/${lane}`, options.priority, ask, coversMs)
  }
}
