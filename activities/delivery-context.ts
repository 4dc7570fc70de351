// What a batch has to know of its delivery: plan, compiled content, channel.
import { type Channel } from '../store/channels.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type CommittedPlan } from '../store/plans.ts'
import { type ActivityDeps, type MessageTemplate } from './ports.ts'

export interface DeliveryContext {
  delivery: Delivery
  plan: CommittedPlan
  template: MessageTemplate
  notificationDisabled: boolean
  channel: Channel
  channelSecret: string
}

type Unchanging = Omit<DeliveryContext, 'channelSecret'>

/** Deliveries whose unchanging facts are kept in memory; the oldest goes first. */
const keptDeliveries = 50

/**
 * Reads contexts. Plan and content never change once there is a plan, so they are kept; the secret may
 * be corrected while the delivery waits, so it is read each time.
 */
export function createDeliveryContexts({
  store,
  compileTemplate,
}: Pick<ActivityDeps, 'store' | 'compileTemplate'>) {
  const kept = new Map<string, Unchanging>()

  async function read(deliveryId: string): Promise<Unchanging> {
    const delivery = await store.deliveries.find(deliveryId)
    if (!delivery) throw new Error(`There is no delivery ${deliveryId}.`)
    const [plan, content, channel] = await Promise.all([
      store.plans.find(deliveryId),
      store.contents.find(delivery.contentId, delivery.contentVersion),
      store.channels.find(delivery.channelId),
    ])
    if (!plan || !content || !channel)
      throw new Error(`Delivery ${deliveryId} lacks its plan, content or channel.`)
    const template = compileTemplate({
      messages: content.messages,
      now: delivery.renderedAsOf.toISOString(),
      timeZone: delivery.timeZone,
      locale: delivery.locale,
    })
    return { delivery, plan, template, notificationDisabled: content.notificationDisabled, channel }
  }

  return async function contextOf(deliveryId: string): Promise<DeliveryContext> {
    let unchanging = kept.get(deliveryId)
    if (!unchanging) {
      unchanging = await read(deliveryId)
      kept.set(deliveryId, unchanging)
      for (const oldest of kept.keys()) {
        if (kept.size <= keptDeliveries) break
        kept.delete(oldest)
      }
    }
    const channelSecret = await store.channels.secretOf(unchanging.channel.id)
    if (channelSecret === undefined)
      throw new Error(`Channel ${unchanging.channel.id} of delivery ${deliveryId} is gone.`)
    return { ...unchanging, channelSecret }
  }
}
