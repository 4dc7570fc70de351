// Pauses a delivery in which more recipients can't be reached than its campaign allows.
import { log } from '@temporalio/activity'
import { areTooMany, type Failures } from '../domain/failures.ts'
import { type FailureReason } from '../store/failures.ts'
import { type ActivityDeps } from './ports.ts'

/** Batches whose records are read for the reasons: 100,000 recipients on the push lane. */
const batchesRead = 200
const reasonsShown = 3
const reasonLength = 160

/** Looks whether too many have failed, and pauses if so; again is the same. */
export function createFailureLimit({
  store,
}: {
  store: Pick<ActivityDeps['store'], 'deliveries' | 'failures' | 'ledger'>
}) {
  return async function holdToLimit(deliveryId: string): Promise<void> {
    const failures = await store.failures.find(deliveryId)
    if (!failures || failures.gate !== 'open' || !areTooMany(failures)) return
    // Where everybody has an outcome already, a pause would protect nobody.
    const { planned: _, ...soFar } = await store.ledger.progress(deliveryId)
    const done = Object.values(soFar).reduce((sum, recipients) => sum + recipients, 0)
    if (done >= failures.planned) return
    const reasons = await store.failures.reasons(deliveryId, {
      batches: batchesRead,
      reasons: reasonsShown,
    })
    // Only the gate that was looked at: somebody may have paused and resumed since.
    const moved = await store.deliveries.moveGate(deliveryId, 'paused', {
      by: 'LFM',
      why: whyPaused(failures, reasons),
      ifSeq: failures.gateSeq,
      failed: failures.failed,
    })
    if (moved?.isMoved !== true) return
    log.warn('Paused: too many recipients cannot be reached', {
      deliveryId,
      failed: failures.failed,
      planned: failures.planned,
    })
  }
}

const counted = (recipients: number) => recipients.toLocaleString('en')

function percent(share: number): string {
  return `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`
}

/** LINE's words may hold an id; the reason of a pause goes into histories and logs. */
function told(reason: string | null): string {
  const discreet = (reason ?? 'no reason').replaceAll(/[UCR][0-9a-f]{32}/g, '…').trim()
  return discreet.length > reasonLength ? `${discreet.slice(0, reasonLength)}…` : discreet
}

function whyPaused(
  { failed, planned, pauseAtShare }: Failures,
  reasons: readonly FailureReason[],
): string {
  const list = reasons.map(
    ({ outcome, reason, recipients }) => `${counted(recipients)} ${outcome}: ${told(reason)}`,
  )
  const most = list.length > 0 ? ` Most often: ${list.join('; ')}.` : ''
  return `${counted(failed)} of ${counted(planned)} recipients (${percent(failed / planned)}) can't be reached; the campaign pauses above ${percent(pauseAtShare)}.${most} Resume to go on without them (it is asked again at twice as many), or cancel.`
}
