// The activities as workflows see them, with time-outs and retries grouped by what they touch.
import { proxyActivities } from '@temporalio/workflow'
import { type CloseActivities } from '../activities/close-account.ts'
import { type FreezeActivities } from '../activities/freeze-audience.ts'
import { type OperateActivities } from '../activities/operate.ts'
import { type PageActivities } from '../activities/pages.ts'
import { type SendActivities } from '../activities/send-batch.ts'
import { type Lane } from '../domain/lane.ts'
import { deliveryQueue, laneQueue, partsQueue, warehouseQueue } from './queues.ts'

/** Retries have no end: a store or a LINE that is away comes back, and a delivery waits for it. */
const patient = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' } as const

/** Store, Temporal and LINE's quota only: short, so that a worker killed in one costs little. */
export const operate = proxyActivities<OperateActivities>({
  taskQueue: deliveryQueue,
  startToCloseTimeout: '10s',
  retry: patient,
})

/** Warehouse work that grows with the audience: long, so it heartbeats, and has a queue of its own. */
export const audience = proxyActivities<FreezeActivities & CloseActivities>({
  taskQueue: warehouseQueue,
  startToCloseTimeout: '2h',
  heartbeatTimeout: '10s',
  retry: patient,
})

/** Reading what a page is made of. */
export const pages = proxyActivities<Omit<PageActivities, 'recordPage'>>({
  taskQueue: deliveryQueue,
  startToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
  retry: patient,
})

/** Writing what a page has come to: a second for 100,000 outcomes, and the wait for a turn where the warehouse gives turns. */
export const parts = proxyActivities<Pick<PageActivities, 'recordPage'>>({
  taskQueue: partsQueue,
  startToCloseTimeout: '1h',
  heartbeatTimeout: '5s',
  retry: patient,
})

/**
 * Sending, on the rate-limited queue of one channel and lane. No schedule-to-start time-out: a queue with a
 * rate has waits by design. The heartbeat time-out is what a killed worker costs.
 * Where it is cancelled, a batch that waits in the queue ends at once; one under way records its answers first.
 */
export function sender(lineChannelId: string, lane: Lane) {
  return proxyActivities<SendActivities>({
    taskQueue: laneQueue(lineChannelId, lane),
    startToCloseTimeout: '2m',
    heartbeatTimeout: '5s',
    retry: { ...patient, initialInterval: '200ms' },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  })
}
