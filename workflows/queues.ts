// Names of the task queues; workflows, worker and API agree on them here.
import { type Lane, requestsPerBatch } from '../domain/lane.ts'

/** Workflows, and the short activities that they wait for. */
export const deliveryQueue = 'delivery'

/** Work over whole deliveries, which a warehouse does one after the other: it must not hold up what is short. */
export const warehouseQueue = 'warehouse'

/** Parts of pages, which may wait for minutes for their turn in the warehouse: the steps of others must not wait with them. */
export const partsQueue = 'parts'

/** `sendBatch` of one channel and lane; named by LINE's channel id, which never changes. */
export function laneQueue(lineChannelId: string, lane: Lane): string {
  return `line/${lineChannelId}/${lane}`
}

/** How much faster than the lane needs it the queue may give out batches: permits are the exact guard. */
const queueMargin = 1.25

/** The server-side rate of a lane's queue in batches a second; 0 stops dispatch. */
export function queueBatchesPerSecond(lane: Lane, callsPerSecond: number): number {
  if (callsPerSecond <= 0) return 0
  // Below one batch in ten seconds a small delivery would wait for its first batch for no gain.
  return Math.max(0.1, (callsPerSecond / requestsPerBatch[lane]) * queueMargin)
}
