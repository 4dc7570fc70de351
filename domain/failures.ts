// When a delivery has so many recipients who can't be reached that a person has to look at it.

/** Below so many recipients no share of them is worth a pause. */
export const fewestFailuresForPause = 100

/** A pause that was resumed is repeated when so many times as many have failed. */
const patienceFactor = 2

/** Recipients rejected, skipped or unknown, and what they are held against. */
export interface Failures {
  failed: number
  planned: number
  /** Share of `planned`, 0 to 1, that may fail. */
  pauseAtShare: number
  /** What `failed` was when the delivery was last paused for it; null where it never was. */
  pausedAt: number | null
}

/**
 * Whether the delivery has to be paused. Who resumes it has seen what failed and accepts it, so the question is asked
 * again only when twice as many have failed: at most a few times, however large the delivery.
 */
export function areTooMany({ failed, planned, pauseAtShare, pausedAt }: Failures): boolean {
  if (failed < fewestFailuresForPause || failed <= planned * pauseAtShare) return false
  return pausedAt === null || failed >= pausedAt * patienceFactor
}
