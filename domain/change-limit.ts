// How often a table of the warehouse may be changed, and when its next change may begin.

/** Changes of one table that are allowed: so many in a short time, and few after so many in a day. */
export interface ChangeLimit {
  readonly burst: number
  readonly burstMs: number
  /** Changes in the last day from which on one has to be… */
  readonly beforeSlow: number
  /** …so long after the one before. */
  readonly slowMs: number
}

const dayMs = 24 * 60 * 60 * 1000

/**
 * The earliest moment at which the next change may begin, in milliseconds since 1970.
 * @param earlier moments for which changes were allowed, in order; they may lie ahead.
 */
export function nextChangeAt(earlier: readonly number[], now: number, limit: ChangeLimit): number {
  const { burst, burstMs, beforeSlow, slowMs } = limit
  const inLastDay = earlier.filter((at) => at > now - dayMs)
  const burstBegan = inLastDay.at(-burst) ?? -Infinity
  const last = inLastDay.length < beforeSlow ? -Infinity : (inLastDay.at(-1) ?? -Infinity)
  return Math.max(now, burstBegan + burstMs, last + slowMs)
}
