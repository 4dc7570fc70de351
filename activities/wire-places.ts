// Counts the calls that one process has under way, so that it asks for no permit that its connections can't carry.
import { setTimeout as sleep } from 'node:timers/promises'

/** Of all places, the share that is waited for: at a silent LINE one permit a call would cost more than it moves. */
const worthAsking = 1 / 16
/** Longest sleep between looks at whether anybody still wants the places. */
const napMs = 250

export interface WirePlaces {
  /**
   * Waits until enough are free, and answers how many of `wanted` are, one at least; 0 where `isOver` says that nobody
   * wants them any more. Nothing is kept: a permit's calls are spread over its time, and others end meanwhile.
   */
  untilFree(wanted: number, isOver: () => boolean): Promise<number>
  /** A call begins. */
  take(): void
  /** A call has ended. */
  give(): void
}

/** Makes the places of one process; `places` is how many calls its connections carry at once. */
export function createWirePlaces(places: number): WirePlaces {
  const enough = Math.ceil(places * worthAsking)
  let free = places
  let freed = Promise.withResolvers<void>()

  return {
    async untilFree(wanted, isOver) {
      while (free < Math.min(wanted, enough)) {
        if (isOver()) return 0
        const nap = new AbortController()
        const slept = sleep(napMs, undefined, { signal: nap.signal }).catch(() => undefined)
        await Promise.race([freed.promise, slept])
        nap.abort()
      }
      return Math.min(wanted, free)
    },
    take() {
      free -= 1
    },
    give() {
      free += 1
      if (free < enough) return
      freed.resolve()
      freed = Promise.withResolvers()
    },
  }
}
