// `freezeAudience`: turns the segment into the one plan of a delivery, however often it is tried.
import { randomUUID } from 'node:crypto'
import { activityInfo } from '@temporalio/activity'
import { type Lane } from '../domain/lane.ts'
import { type FrozenPlan } from '../domain/plan.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { SegmentRefused, type FreezeRequest } from '../warehouse/port.ts'
import { type ActivityDeps } from './ports.ts'
import { createWarehouseWork } from './warehouse-work.ts'

export type FreezeResult =
  | {
      kind: 'frozen'
      planned: number
      requests: Record<Lane, number>
      recipients: Record<Lane, number>
    }
  /** The segment can't be used; nothing was sent and nothing will be. */
  | { kind: 'refused'; why: string }

/** The one name of all tries of a delivery's freeze, where the warehouse resumes them. */
const onlyAttempt = '1'

type FreezeFacts = Omit<FreezeRequest, 'sql' | 'deliveryAt'>

export function createFreezeActivities({
  store,
  warehouse,
}: Pick<ActivityDeps, 'store' | 'warehouse'>) {
  const workingFor = createWarehouseWork({ store })

  async function planOf(deliveryId: string, signal: AbortSignal) {
    const plan = await store.plans.find(deliveryId)
    if (plan) return plan
    const delivery = await store.deliveries.find(deliveryId)
    if (!delivery) throw new Error(`There is no delivery ${deliveryId}.`)
    const content = await store.contents.find(delivery.contentId, delivery.contentVersion)
    if (!content) throw new Error(`Content ${delivery.contentId} is gone.`)
    // Else a name of its own for each try: one that stalls and wakes up later writes beside the plan, never over it.
    const attempt = warehouse.resumesFreeze
      ? onlyAttempt
      : `${activityInfo().attempt}-${randomUUID()}`
    const { variables } = content
    const request = { deliveryId, attempt, variables, campaignId: delivery.campaignId }
    const frozen = delivery.retry
      ? await freezeRetry(request, delivery.retry, signal)
      : await warehouse.freeze(
          {
            ...request,
            sql: delivery.segmentSql,
            deliveryAt: delivery.renderedAsOf.toISOString(),
          },
          signal,
        )
    const committed = await store.plans.commit(deliveryId, frozen)
    await warehouse.dropOtherAttempts(deliveryId, committed.attempt)
    return committed
  }

  async function freezeRetry(
    request: FreezeFacts,
    { of, outcomes }: NonNullable<Delivery['retry']>,
    signal: AbortSignal,
  ): Promise<FrozenPlan> {
    const [earlier, plan] = await Promise.all([store.deliveries.find(of), store.plans.find(of)])
    const account = earlier?.account
    if (!account || !plan) throw new Error(`Delivery ${of} has no account to be retried from.`)
    return warehouse.freezeRetry(
      {
        ...request,
        earlier: { deliveryId: of, attempt: plan.attempt },
        outcomes,
        recipients: outcomes.reduce((sum, outcome) => sum + account[outcome], 0),
      },
      signal,
    )
  }

  return {
    async freezeAudience({ deliveryId }: { deliveryId: string }): Promise<FreezeResult> {
      try {
        const { requests, recipients } = await workingFor(deliveryId, ({ signal }) =>
          planOf(deliveryId, signal),
        )
        return {
          kind: 'frozen',
          planned: recipients.multicast + recipients.push,
          requests,
          recipients,
        }
      } catch (error) {
        if (error instanceof SegmentRefused) return { kind: 'refused', why: error.message }
        throw error
      }
    },
  }
}

export type FreezeActivities = ReturnType<typeof createFreezeActivities>
