// The two ways by which a recipient is reached, and the sizes that follow from LINE's limits.

/** The LINE endpoint a recipient is reached by. */
export type Lane = 'multicast' | 'push'

/** Both lanes, in the order in which they are listed everywhere. */
export const lanes: readonly Lane[] = ['multicast', 'push']

/** Most recipients of one multicast request (LINE reference, "Send multicast message": max 500). */
export const recipientsPerMulticast = 500

/**
 * Smallest group of recipients with equal variables that goes to the multicast lane.
 * It is the ratio of LINE's limits, 2,000 push/s to 200 multicast/s: below it, pushes are the cheaper calls.
 */
export const smallestMulticastGroup = 10

/** Requests in one batch, that is in one `sendBatch` activity. */
export const requestsPerBatch: Readonly<Record<Lane, number>> = { multicast: 20, push: 500 }

/** LINE's own limits in calls a second and channel; a channel may be set lower, never higher. */
export const lineCallsPerSecond: Readonly<Record<Lane, number>> = { multicast: 200, push: 2000 }

/** The batch that a request belongs to. */
export function batchOf(lane: Lane, requestNo: number): number {
  return Math.floor(requestNo / requestsPerBatch[lane])
}

/** The requests of a batch, as a half-open range cut at the end of the lane. */
export function requestsOf(
  lane: Lane,
  batchNo: number,
  laneRequests: number,
): { fromRequest: number; toRequest: number } {
  const fromRequest = batchNo * requestsPerBatch[lane]
  return { fromRequest, toRequest: Math.min(fromRequest + requestsPerBatch[lane], laneRequests) }
}

/** How many batches a lane of so many requests has. */
export function batchCount(lane: Lane, laneRequests: number): number {
  return Math.ceil(laneRequests / requestsPerBatch[lane])
}
