// Collects what LINE answered with 429 in one process, and notes it in the store a few times a second at most.
import { type Lane } from '../domain/lane.ts'
import { type Ledger } from '../store/ledger.ts'

/** Soon enough for the lane's clock, which watches for a second before it judges. */
const noteEveryMs = 250

/** Counts a call that was answered 429, permitted when the lane's rate had been lowered `lowerings` times. */
export type NoteThrottle = (lineChannelId: string, lane: Lane, lowerings: number) => void

/** Makes the notes of one process. A note that can't be written is dropped: if the rate is too high more will come. */
export function createThrottleNotes(ledger: Pick<Ledger, 'noteThrottles'>): NoteThrottle {
  const counts = new Map<string, { throttles: number }>()
  return (lineChannelId, lane, lowerings) => {
    const name = `${lineChannelId}/${lane}/${lowerings}`
    const counted = counts.get(name)
    if (counted) {
      counted.throttles += 1
      return
    }
    const count = { throttles: 1 }
    counts.set(name, count)
    setTimeout(() => {
      counts.delete(name)
      ledger
        .noteThrottles(lineChannelId, lane, { lowerings, throttles: count.throttles })
        .catch(() => undefined)
    }, noteEveryMs).unref()
  }
}
