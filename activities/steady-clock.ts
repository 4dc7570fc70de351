// The clock of permits: one that nobody sets, and that a machine which slept can't trust too long.

/** By less than this the two clocks drift apart in use. */
const driftMs = 50

/**
 * Milliseconds that never go back, for what may be done until when.
 * A wall clock that was set back would keep a permit alive. A monotonic clock stands still while a machine sleeps,
 * which the wall clock tells: what that jumps ahead counts as gone by.
 */
export function createSteadyClock(clocks: {
  wallNow: () => number
  monotonicNow: () => number
}): () => number {
  let jumpedMs = 0
  let apart = clocks.wallNow() - clocks.monotonicNow()
  return () => {
    const monotonic = clocks.monotonicNow()
    const apartNow = clocks.wallNow() - monotonic
    if (apartNow - apart > driftMs) {
      jumpedMs += apartNow - apart
      apart = apartNow
    }
    apart = Math.min(apart, apartNow)
    return monotonic + jumpedMs
  }
}
