// Recovers deliveries whose workflow is gone: a new one goes on from plan and ledger.
import { type Delivery } from '../store/delivery-row.ts'
import { type OperatorRequest } from '../workflows/messages.ts'
import { type ApiDeps } from './deps.ts'
import { refuseEnded, requireDelivery } from './operate-delivery.ts'
import { Problem } from './problem.ts'

export interface RecoveryOrder extends OperatorRequest {
  /** Closes the gate first, so that nothing is sent before somebody resumes; by default the gate stays as it is. */
  isPaused: boolean
}

/** What became of one of several. */
export interface Recovery {
  id: string
  isRecovered: boolean
  /** Why not. */
  detail: string | null
}

/**
 * Begins the delivery's workflow again. A gate that is paused or cancelled stays so.
 * @throws Problem not-found, delivery-ended, workflow-running, temporal-away
 */
export async function recoverDelivery(
  deps: ApiDeps,
  id: string,
  order: RecoveryOrder,
): Promise<Delivery> {
  const { store, workflows } = deps
  const found = await requireDelivery(deps, id)
  refuseEnded(found)
  const [campaign, channel] = await Promise.all([
    store.campaigns.find(found.campaignId),
    store.channels.find(found.channelId),
  ])
  if (!campaign || !channel) throw new Error(`Delivery ${id} lacks its campaign or channel.`)
  const { isPaused, ...request } = order
  if (isPaused) await store.deliveries.moveGate(id, 'paused', { ...request, isRaised: true })
  const begun = await workflows.beginAgain(found, {
    lineChannelId: channel.lineChannelId,
    summary: `${campaign.name} through ${channel.name}`,
  })
  if (begun === 'running') {
    throw new Problem(
      'workflow-running',
      `Delivery ${id} has a workflow that runs, so there is nothing to recover.`,
    )
  }
  if (begun === 'away') {
    throw new Problem('temporal-away', 'Temporal cannot be reached. No workflow was started.', {
      headers: { 'retry-after': '5' },
    })
  }
  await store.deliveries.setRecovered(id, request)
  return requireDelivery(deps, id)
}

/** Recovers every open delivery that is shown as interrupted; one that refuses does not keep back the others. */
export async function recoverInterrupted(deps: ApiDeps, order: RecoveryOrder): Promise<Recovery[]> {
  const recoveries: Recovery[] = []
  for (const { id, state } of await deps.store.deliveries.listOpen()) {
    if (state !== 'interrupted') continue
    try {
      await recoverDelivery(deps, id, order)
      recoveries.push({ id, isRecovered: true, detail: null })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      recoveries.push({ id, isRecovered: false, detail: error.message })
    }
  }
  return recoveries
}
