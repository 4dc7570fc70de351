// Finds workflows of deliveries that the store does not know, as after it was restored from a backup.
import { type Client } from '@temporalio/client'
import { type Logger } from 'pino'
import { type Deliveries } from '../store/deliveries.ts'
import { deliverCampaignType, deliveryWorkflowId } from '../workflows/messages.ts'

const running = `WorkflowType = '${deliverCampaignType}' AND ExecutionStatus = 'Running'`
/** Listing costs more than asking for single workflows, and nothing is sent meanwhile. */
const listEveryMs = 60_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface UnknownDeliveries {
  /** Logs each such workflow once; looks again only when a minute is over. @param open ids of open deliveries. */
  look(open: ReadonlySet<string>): Promise<void>
}

export function createUnknownDeliveries(options: {
  client: Client
  deliveries: Pick<Deliveries, 'find'>
  now: () => number
  log: Logger
}): UnknownDeliveries {
  const { client, deliveries, now, log } = options
  const told = new Set<string>()
  let dueAt = -Infinity

  async function isKnown(workflowId: string, open: ReadonlySet<string>): Promise<boolean> {
    const id = workflowId.replace(deliveryWorkflowId(''), '')
    if (open.has(id)) return true
    // It may have been started, or have ended, since the list of those that are open was made.
    return uuid.test(id) && (await deliveries.find(id)) !== undefined
  }

  return {
    async look(open) {
      if (now() < dueAt) return
      dueAt = now() + listEveryMs
      for await (const { workflowId } of client.workflow.list({ query: running })) {
        if (told.has(workflowId) || (await isKnown(workflowId, open))) continue
        told.add(workflowId)
        log.error(
          { workflowId },
          'Temporal runs a delivery that the store does not know, as after a restore: it sends nothing. Terminate this workflow; whom it had reached by then stands in no ledger.',
        )
      }
    },
  }
}
