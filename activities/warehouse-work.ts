// Work in the warehouse as an activity: it heartbeats, ends with the activity, and says where it waits for a person.
import { Context } from '@temporalio/activity'
import { HandedOver, PersonNeeded, type Work } from '../warehouse/port.ts'
import { beating } from './beating.ts'
import { createHoldForPerson } from './hold-for-person.ts'
import { type ActivityDeps } from './ports.ts'

type Step<T> = (work: Work & { signal: AbortSignal }) => Promise<T>

export function createWarehouseWork({
  store,
}: {
  store: Pick<ActivityDeps['store'], 'deliveries'>
}) {
  const holdForPerson = createHoldForPerson(store)

  /** Whether the delivery is over for everybody; an activity alone also ends with its process, or as another try begins. */
  async function isCancelled(deliveryId: string, context: Context): Promise<boolean> {
    if (context.cancellationDetails?.cancelRequested) return true
    // The workflow may have ended before Temporal told the activity of the cancel.
    const delivery = await store.deliveries.find(deliveryId).catch(() => undefined)
    return delivery?.gate.position === 'cancelled'
  }

  async function working<T>(deliveryId: string, step: Step<T>, context: Context): Promise<T> {
    const delivery = await store.deliveries.find(deliveryId)
    if (!delivery) throw new Error(`There is no delivery ${deliveryId}.`)
    const { cancellationSignal } = context
    const ending = new AbortController()
    const end = async () => {
      const { reason } = cancellationSignal as { reason: unknown }
      ending.abort((await isCancelled(deliveryId, context)) ? reason : new HandedOver(reason))
    }
    const onCancel = () => void end()
    if (cancellationSignal.aborted) onCancel()
    else cancellationSignal.addEventListener('abort', onCancel, { once: true })
    try {
      return await step({ campaignId: delivery.campaignId, signal: ending.signal })
    } catch (error) {
      if (error instanceof HandedOver) throw error.cause
      if (error instanceof PersonNeeded) await holdForPerson(deliveryId, error.message)
      throw error
    } finally {
      cancellationSignal.removeEventListener('abort', onCancel)
    }
  }

  /**
   * Does a step of a delivery. Jobs of a warehouse are cancelled with the delivery, and else left to the next try.
   * Where a person is needed the delivery is paused with what to do, and the step rejects: tried again, it goes on.
   */
  return <T>(deliveryId: string, step: Step<T>): Promise<T> => {
    const context = Context.current()
    return beating(() => working(deliveryId, step, context))
  }
}
