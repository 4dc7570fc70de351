// Heartbeats while work goes on, so that a killed worker is noticed in seconds and not when a time-out ends.
import { heartbeat } from '@temporalio/activity'

const everyMs = 1_000

/** Runs the work, heartbeating once a second by the clock: the work itself may be one long statement. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const beat = setInterval(() => heartbeat(), everyMs)
  try {
    return await work()
  } finally {
    clearInterval(beat)
  }
}
