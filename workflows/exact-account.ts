// The account of a delivery, when plan and outcomes agree; until they do, the delivery waits for a person.
import { patched, sleep } from '@temporalio/workflow'
import { type Account } from '../domain/outcome.ts'
import { audience } from './activities.ts'
import { type DeliveryGate } from './delivery-gate.ts'

const firstWaitMs = 10_000
/** A look takes some 25 events, and a history has room for 51,200. */
const longestWaitMs = 3_600_000

/** Compares plan and outcomes until they agree. */
export async function exactAccount(
  deliveryId: string,
  gate: DeliveryGate,
  closing: { closingRound: number; closedBecause: string | null },
): Promise<Account> {
  for (let waitMs = firstWaitMs; ;) {
    const result = await audience.reconcile({ deliveryId, ...closing })
    if (result.kind === 'exact') return result.account
    await gate.move('paused', { by: 'LFM', why: result.why })
    await gate.passed()
    await sleep(waitMs)
    // Nobody can resume it, so it is looked at again from time to time.
    if (gate.isCancelled()) waitMs = Math.min(2 * waitMs, longestWaitMs)
    const { closingRound: round, closedBecause: why } = closing
    // A batch may have merged after the ledger was closed.
    if (why !== null && patched('close-ledger-again'))
      await audience.closeLedger({ deliveryId, round, why })
  }
}
