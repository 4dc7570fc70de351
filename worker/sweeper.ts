// Starts deliveries whose workflow was never started, shows those whose workflow is gone, and brings news of the gate.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { type Logger } from 'pino'
import { type Gate } from '../domain/delivery.ts'
import { type Deliveries } from '../store/deliveries.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type Channels } from '../store/channels.ts'
import {
  campaignAttribute,
  channelAttribute,
  type DeliverCampaignInput,
  deliverCampaignType,
  deliveryWorkflowId,
  gateSignal,
  stateAttribute,
} from '../workflows/messages.ts'
import { deliveryQueue } from '../workflows/queues.ts'
import { createUnknownDeliveries } from './unknown-deliveries.ts'

/** An interrupted delivery must be shown within 60 s. */
const sweepEveryMs = 15_000
/** A delivery or a move of a gate this young is still being told of by the API that made it. */
const youngMs = 5_000

/** Where the gate stands for a workflow that shows this state. */
function gateShownBy(state: string | undefined): Gate['position'] {
  if (state === 'cancelling') return 'cancelled'
  return state === 'paused' ? 'paused' : 'open'
}

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
  const unknown = createUnknownDeliveries(options)
  /** By delivery: the number of the gate that its workflow was told of here. */
  const told = new Map<string, number>()

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

  /** What its workflow shows of it; undefined where none runs. */
  async function lookAt(delivery: Delivery): Promise<{ state: string | undefined } | undefined> {
    const handle = client.workflow.getHandle(deliveryWorkflowId(delivery.id))
    try {
      const { status, typedSearchAttributes } = await handle.describe()
      return status.name === 'RUNNING'
        ? { state: typedSearchAttributes.get(stateAttribute) }
        : undefined
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined
      throw error
    }
  }

  /**
   * Tells a workflow of a gate that was moved while Temporal was away. A batch would bring the news as well, but a
   * delivery that was paused before has none under way. Once for each number, so that no history fills with it.
   */
  async function bringNews({ id, gate, gateAt }: Delivery, shown: string | undefined) {
    const isYoung = gateAt !== null && options.now() - gateAt.getTime() < youngMs
    if (isYoung || gateShownBy(shown) === gate.position || told.get(id) === gate.seq) return
    await client.workflow.getHandle(deliveryWorkflowId(id)).signal(gateSignal, gate)
    told.set(id, gate.seq)
    log.info({ deliveryId: id, gate: gate.position }, 'told a workflow where its gate stands')
  }

  async function sweepOne(delivery: Delivery): Promise<void> {
    // What ran before a restore knows things that the store does not: it is no workflow of this delivery any more.
    const shown = delivery.restoredAt === null ? await lookAt(delivery) : undefined
    if (!shown && delivery.phase === 'starting' && delivery.restoredAt === null) {
      await startUnlessEnded(delivery)
      return
    }
    // Nothing is set where it has ended since the list was made.
    await deliveries.setInterrupted(delivery.id, !shown)
    if (shown) await bringNews(delivery, shown.state)
  }

  async function sweep(): Promise<void> {
    const open = await deliveries.listOpen()
    const ids = new Set(open.map(({ id }) => id))
    for (const id of told.keys()) if (!ids.has(id)) told.delete(id)
    for (const delivery of open) {
      if (options.now() - delivery.createdAt.getTime() < youngMs) continue
      // One that can't be swept must not hide the others.
      await sweepOne(delivery).catch((error: unknown) => {
        log.warn({ err: error, deliveryId: delivery.id }, 'a delivery could not be swept')
      })
    }
    await unknown.look(ids)
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
