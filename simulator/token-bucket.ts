// LINE's rate limit: a bucket that refills steadily and refuses when it is empty.

export interface TokenBucket {
  /** Takes one token if there is one. Rate and capacity are given each time, for they may be changed. */
  take(nowMs: number, perSecond: number, capacity: number): boolean
}

/** A bucket that is full when first used. */
export function createTokenBucket(): TokenBucket {
  let tokens = Infinity
  let filledAt = 0
  return {
    take(nowMs, perSecond, capacity) {
      tokens = Math.min(capacity, tokens + ((nowMs - filledAt) / 1000) * perSecond)
      filledAt = nowMs
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
