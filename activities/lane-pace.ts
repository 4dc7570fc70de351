// Spaces the calls of one process on a lane, so that time lost to a stall is not made up for by a burst.
import { type Lane, lineCallsPerSecond } from '../domain/lane.ts'

/** Share of a permit's spacing that is kept: what is late catches up by the margin of permits below LINE's own rate. */
const spacingShare = 0.98
/**
 * What was due within so much goes at once, for timers are late by some ms. A fifth of what LINE's bucket holds where it
 * holds a tenth of a second of the rate: each of several workers on a busy machine may have such a group.
 */
const groupMs = 20
/** Of calls at LINE's own rate: two fifths of such a bucket, for processes of one machine are late at the same time. */
const lateAtLineRateMs = 40
const lateAtAnyRateMs = 250

/**
 * How late a call may start under its permit. By then the lane's clock has gone on, and with it the calls of other
 * workers, on top of which it comes; at a slower rate that is less in the same time.
 * Measured: with 250 ms four workers had 2 % of their first pushes answered 429, with 40 none, for half a percent of the
 * rate.
 */
export function mostLateMs(lane: Lane, callsPerSecond: number): number {
  const asMuch = (lateAtLineRateMs * lineCallsPerSecond[lane]) / callsPerSecond
  return Math.max(lateAtLineRateMs, Math.min(asMuch, lateAtAnyRateMs))
}

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
