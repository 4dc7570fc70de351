// Lets the batches of one process ask for a lane's permits one after the other: the urgent first, then as they came.
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `ask` when nobody on the same lane is ahead: whoever has a smaller `priority` (1 is first), or the same and came
 * before. An ask that is running is not interrupted.
 * @param coversMs for how long the lane has enough to do with what was got. Whoever is less urgent is kept waiting that
 *   long, so that a single urgent batch comes again first and does not share the lane with all that are under way.
 */
export type InTurn = <T>(
  lane: string,
  priority: number,
  ask: () => Promise<T>,
  coversMs: (got: T) => number,
) => Promise<T>

interface Waiting {
  priority: number
  /** Resolves, whether it succeeds or not, with how long it keeps the lane busy. */
  run: () => Promise<number>
}

interface Queue {
  waiting: Waiting[]
  isServed: boolean
  /** Until when only asks of this priority or a more urgent one are run. */
  kept: { for: number; untilMs: number }
  /** Somebody has come. */
  arrived: PromiseWithResolvers<void>
}

/** Time for the batch that has spent its permit to ask again. */
const graceMs = 50

/**
 * Makes the queue of one process. Without it all batches of a lane ask PostgreSQL again and again for what one
 * of them can have: at 2,000 push/s that was two thirds of a core there, and the last to come were served first.
 */
export function createPermitQueue(): InTurn {
  const queues = new Map<string, Queue>()

  function queueOf(lane: string): Queue {
    const known = queues.get(lane)
    if (known) return known
    const kept = { for: Infinity, untilMs: 0 }
    const made = { waiting: [], isServed: false, kept, arrived: Promise.withResolvers<void>() }
    queues.set(lane, made)
    return made
  }

  async function serve(queue: Queue): Promise<void> {
    queue.isServed = true
    for (let next = queue.waiting[0]; next; next = queue.waiting[0]) {
      const stillMs = queue.kept.untilMs - performance.now()
      if (next.priority > queue.kept.for && stillMs > 0) {
        await untilKept(queue, stillMs)
        continue
      }
      queue.waiting.shift()
      const busyMs = await next.run()
      if (busyMs > 0)
        queue.kept = { for: next.priority, untilMs: performance.now() + busyMs + graceMs }
    }
    queue.isServed = false
  }

  async function untilKept(queue: Queue, ms: number): Promise<void> {
    const nap = new AbortController()
    const slept = sleep(ms, undefined, { signal: nap.signal }).catch(() => undefined)
    await Promise.race([slept, queue.arrived.promise])
    nap.abort()
  }

  return (lane, priority, ask, coversMs) =>
    new Promise((resolve, reject) => {
      // The next turn comes whether this one succeeded or not; its own caller hears of a failure.
      const run = () => {
        const asked = ask()
        asked.then(resolve, reject)
        return asked.then(coversMs, () => 0)
      }
      const queue = queueOf(lane)
      const behind = queue.waiting.findIndex((waiting) => waiting.priority > priority)
      queue.waiting.splice(behind < 0 ? queue.waiting.length : behind, 0, { priority, run })
      queue.arrived.resolve()
      queue.arrived = Promise.withResolvers()
      if (!queue.isServed) void serve(queue)
    })
}
