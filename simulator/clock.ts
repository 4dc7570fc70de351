// The simulator's two clocks: the wall, by which calls are timed, and one that a test may move on.

export interface Clock {
  /** Milliseconds since 1970 with fractions, as the machine has them: when calls begin and end. */
  wallMs: () => number
  /** The wall clock plus every advance: retry-key memory, token lives and the quota's month. */
  nowMs: () => number
  /** Moves `nowMs` on. Unit: milliseconds. */
  advance(ms: number): void
  reset(): void
}

export function createClock(): Clock {
  let offsetMs = 0
  const wallMs = () => performance.timeOrigin + performance.now()
  return {
    wallMs,
    nowMs: () => wallMs() + offsetMs,
    advance: (ms) => {
      offsetMs += ms
    },
    reset: () => {
      offsetMs = 0
    },
  }
}
