// Spaces the calls of one process on a lane, so that time lost to a stall is not made up for by a burst.

/** Share of a permit's spacing that is kept: what is late catches up by the margin of permits below LINE's own rate. */
const spacingShare = 0.98
/**
 * What was due within so much goes at once: timers are late by some ms, and by tens on a busy machine. Half of what
 * LINE's bucket holds where it holds a tenth of a second of the rate.
 */
const groupMs = 50

/**
 * Answers 0 and counts the call where it may go now, else the milliseconds to wait before asking again.
 * Whoever asks first goes first.
 */
export type LanePace = (lane: string, callsPerSecond: number) => number

/**
 * Makes the pace of one process; its permits overlap where one of them is late.
 * @param now by any clock, in ms
 */
export function createLanePace(now: () => number): LanePace {
  const freeAt = new Map<string, number>()
  return (lane, callsPerSecond) => {
    const at = now()
    const known = freeAt.get(lane) ?? at
    // A wall clock that was set back must not stop the lane.
    const free = known > at + 1_000 ? at : Math.max(known, at - groupMs)
    if (free > at) return free - at
    freeAt.set(lane, free + (1_000 / callsPerSecond) * spacingShare)
    return 0
  }
}
