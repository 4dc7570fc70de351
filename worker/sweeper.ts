// Starts deliveries whose workflow was never started, and shows those whose workflow is gone.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { type Logger } from 'pino'
import { type Deliveries } from '../store/deliveries.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type Channels } from '../store/channels.ts'
import {
  campaignAttribute,
  channelAttribute,
  type DeliverCampaignInput,
  deliverCampaignType,
  deliveryWorkflowId,
  stateAttribute,
} from '../workflows/messages.ts'
import { deliveryQueue } from '../workflows/queues.ts'

/** An interrupted delivery must be shown within 60 s. */
const sweepEveryMs = 15_000
/** A delivery this young is still being started by the API that made its row. */
const youngMs = 5_000

export interface Sweeper {
  stop(): Promise<void>
}

/** Looks at every open delivery from time to time; several sweepers at once do no harm. */
export function startSweeper(options: {
  client: Client
  deliveries: Deliveries
  channels: Pick<Channels, 'find'>
  now: () => number
  log: Logger
}): Sweeper {
  const { client, deliveries, log } = options
  const stopping = new AbortController()

  async function start(delivery: Delivery): Promise<void> {
    const channel = await options.channels.find(delivery.channelId)
    if (!channel) return
    const input: DeliverCampaignInput = {
      deliveryId: delivery.id,
      campaignId: delivery.campaignId,
      lineChannelId: channel.lineChannelId,
      priority: delivery.priority,
    }
    await client.workflow.start(deliverCampaignType, {
      workflowId: deliveryWorkflowId(delivery.id),
      taskQueue: deliveryQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      // One that ran and ended must not run again, whatever its row still says.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: `campaign ${delivery.campaignId}`,
      priority: { priorityKey: delivery.priority },
      typedSearchAttributes: [
        { key: campaignAttribute, value: delivery.campaignId },
        { key: channelAttribute, value: channel.lineChannelId },
        { key: stateAttribute, value: 'starting' },
      ],
    })
    log.info({ deliveryId: delivery.id }, 'started a delivery that had no workflow')
  }

  async function startUnlessEnded(delivery: Delivery): Promise<void> {
    try {
      await start(delivery)
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      await deliveries.setInterrupted(delivery.id, true)
    }
  }

  async function isRunning(delivery: Delivery): Promise<boolean> {
    try {
      const { status } = await client.workflow.getHandle(deliveryWorkflowId(delivery.id)).describe()
      return status.name === 'RUNNING'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }

  async function sweepOne(delivery: Delivery): Promise<void> {
    // What ran before a restore knows things that the store does not: it is no workflow of this delivery any more.
    const runs = delivery.restoredAt === null && (await isRunning(delivery))
    if (!runs && delivery.phase === 'starting' && delivery.restoredAt === null)
      await startUnlessEnded(delivery)
    // Nothing is set where it has ended since the list was made.
    else await deliveries.setInterrupted(delivery.id, !runs)
  }

  async function sweep(): Promise<void> {
    for (const delivery of await deliveries.listOpen()) {
      if (options.now() - delivery.createdAt.getTime() < youngMs) continue
      // One that can't be swept must not hide the others.
      await sweepOne(delivery).catch((error: unknown) => {
        log.warn({ err: error, deliveryId: delivery.id }, 'a delivery could not be swept')
      })
    }
  }

  async function keepSweeping(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sweep().catch((error: unknown) => log.warn({ err: error }, 'sweep failed'))
      await sleep(sweepEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const sweeping = keepSweeping()
  return {
    async stop() {
      stopping.abort()
      await sweeping
    },
  }
}
