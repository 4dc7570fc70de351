// Gives an order to a workflow until it is answered: Temporal drops one that meets the end of a run.
import { setTimeout as sleep } from 'node:timers/promises'
import { isGrpcServiceError } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/common'
import { type OperatorAnswer } from '../workflows/messages.ts'

/** Temporal takes 10 updates of a workflow at once; another one has its turn when they have been answered. */
const waitMs = 50

// gRPC's codes: https://grpc.io/docs/guides/status-codes/
const deadlineExceeded = 4
const resourceExhausted = 8
const unavailable = 14

/** Whether an error of the SDK means that Temporal can't be reached; the only place that knows. */
export function isTemporalAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (isGrpcServiceError(error)) return [unavailable, deadlineExceeded].includes(Number(error.code))
  return error.cause !== undefined && isTemporalAway(error.cause)
}

/** Whether an error of the SDK means that Temporal takes no more of this kind for the moment. */
export function isTemporalBusy(error: unknown): boolean {
  return isGrpcServiceError(error)
    ? Number(error.code) === resourceExhausted
    : error instanceof Error && isTemporalBusy(error.cause)
}

/**
 * The workflow's answer. An order that got lost is given again, which moves nothing twice: it names the gate's number.
 * @throws the SDK's last error where there is no answer within the time
 */
export async function giveOrder(
  withinMs: number,
  ways: {
    give(ms: number): Promise<OperatorAnswer>
    isRunning(): Promise<boolean>
    answersWithin(ms: number): Promise<boolean>
  },
): Promise<OperatorAnswer> {
  const giveUpAt = Date.now() + withinMs
  const leftMs = () => giveUpAt - Date.now()

  async function mayRepeat(error: unknown): Promise<boolean> {
    if (leftMs() <= waitMs) return false
    if (isTemporalBusy(error)) return true
    // An order that meets the end of a run is not found in the next one, or said to be unavailable.
    if (error instanceof WorkflowNotFoundError) return ways.isRunning()
    return isTemporalAway(error) && ways.answersWithin(leftMs())
  }

  for (;;) {
    try {
      return await ways.give(Math.max(1, leftMs()))
    } catch (error) {
      if (!(await mayRepeat(error))) throw error
      await sleep(waitMs)
    }
  }
}
