// What an operator, or a condition that needs one, does to a delivery: gate, phase, queue rates, quota.
import { type EndState, type Gate } from '../domain/delivery.ts'
import { type Account } from '../domain/outcome.ts'
import { type Phase } from '../store/delivery-row.ts'
import { type ActivityDeps } from './ports.ts'

export function createOperateActivities({
  store,
  line,
  queueRates,
}: Pick<ActivityDeps, 'store' | 'line' | 'queueRates'>) {
  async function find(deliveryId: string) {
    const delivery = await store.deliveries.find(deliveryId)
    if (!delivery) throw new Error(`There is no delivery ${deliveryId}.`)
    return delivery
  }

  return {
    /** Moves the gate in the store, where every permit looks; again is the same. */
    async moveGate(input: {
      deliveryId: string
      to: Gate['position']
      by: string
      why: string
      ifSeq?: number
    }): Promise<Gate> {
      const moved = await store.deliveries.moveGate(input.deliveryId, input.to, input)
      if (!moved) throw new Error(`There is no delivery ${input.deliveryId}.`)
      return moved.delivery.gate
    },

    async readGate({ deliveryId }: { deliveryId: string }): Promise<Gate> {
      return (await find(deliveryId)).gate
    },

    async setPhase(input: { deliveryId: string; phase: Phase; reason?: string }): Promise<void> {
      await store.deliveries.setPhase(input.deliveryId, input.phase, input.reason)
    },

    async endDelivery(input: {
      deliveryId: string
      state: EndState
      account: Account | null
      reason?: string
    }): Promise<void> {
      await store.deliveries.end(input.deliveryId, input.state, {
        account: input.account,
        ...(input.reason !== undefined && { reason: input.reason }),
      })
    },

    /** Sets the task queues' rates from the channel; no page starts before the server shows them. */
    async prepareQueues({ deliveryId }: { deliveryId: string }): Promise<void> {
      const { channelId } = await find(deliveryId)
      const channel = await store.channels.find(channelId)
      if (!channel) throw new Error(`Channel ${channelId} is gone.`)
      await queueRates.set(channel.lineChannelId, channel.callsPerSecond)
    },

    /** Whether the month's quota has room for everybody in the plan; a sentence where it has not. */
    async checkQuota(input: { deliveryId: string; planned: number }): Promise<string | null> {
      const { channelId } = await find(input.deliveryId)
      const [channel, channelSecret] = await Promise.all([
        store.channels.find(channelId),
        store.channels.secretOf(channelId),
      ])
      if (!channel || channelSecret === undefined) throw new Error(`Channel ${channelId} is gone.`)
      try {
        const { limit, used } = await line.quota({
          lineChannelId: channel.lineChannelId,
          channelSecret,
        })
        if (limit === null || limit - used >= input.planned) return null
        return `The channel's monthly quota leaves ${Math.max(0, limit - used)} messages, ${input.planned} are planned. Raise the quota and resume, or cancel.`
      } catch (error) {
        if (!(error instanceof Error && error.name === 'LineRefusal')) throw error
        if ('isTemporary' in error && error.isTemporary === true) throw error
        return `LINE refuses the channel: ${error.message}`
      }
    },
  }
}

export type OperateActivities = ReturnType<typeof createOperateActivities>
