// The retry key of a request: the same request always has the same UUID, so LINE knows it again.
import { v5 } from 'uuid'
import { type Lane } from '../domain/lane.ts'

/** What a retry key names: a request of a delivery, or a part of one, in one generation. */
export interface KeyedRequest {
  deliveryId: string
  lane: Lane
  requestNo: number
  /** First ordinal of a part of a split request; given together with `toOrdinal`, or not at all. */
  fromOrdinal?: number
  /** Ordinal after the last of the part. */
  toOrdinal?: number
  /** 0, or absent, is the first; a key that LINE forgot unaccepted is followed by the next. */
  generation?: number
}

/** LFM's own namespace for UUIDs of version 5. It must never change: keys already at LINE follow from it. */
const namespace = '23b6aaf1-3462-48c8-af84-62ebb4b8cf2f'

/**
 * The UUID for `X-Line-Retry-Key`: uuidv5 of `delivery/lane/request_no[/from-to][/generation]`.
 * @throws Error when half a range is given, or a delivery id that holds a slash: two requests could share a key.
 */
export function retryKey(request: KeyedRequest): string {
  const { deliveryId, lane, requestNo, fromOrdinal, toOrdinal, generation = 0 } = request
  if (deliveryId.includes('/')) {
    throw new Error('A delivery id with a slash has no retry key; delivery ids are UUIDs.')
  }
  if ((fromOrdinal === undefined) !== (toOrdinal === undefined)) {
    throw new Error('A part of a request needs both of its ordinals for its retry key.')
  }
  const part = fromOrdinal === undefined ? '' : `/${fromOrdinal}-${toOrdinal ?? ''}`
  const later = generation === 0 ? '' : `/${generation}`
  return v5(`${deliveryId}/${lane}/${requestNo}${part}${later}`, namespace)
}
