// Lets the batches of one process ask for a lane's permits one after the other: the urgent first, then as they came.

/**
 * Runs `ask` when nobody on the same lane is ahead: whoever has a smaller `priority` (1 is first), or the same and came
 * before. An ask that is running is not interrupted.
 */
export type InTurn = <T>(lane: string, priority: number, ask: () => Promise<T>) => Promise<T>

interface Waiting {
  priority: number
  run: () => Promise<void>
}

/**
 * Makes the queue of one process. Without it all batches of a lane ask PostgreSQL again and again for what one
 * of them can have: at 2,000 push/s that was two thirds of a core there, and the last to come were served first.
 */
export function createPermitQueue(): InTurn {
  /** By lane, those who wait; a lane in which nobody asks is not in it. */
  const queues = new Map<string, Waiting[]>()

  async function serve(lane: string, queue: Waiting[]): Promise<void> {
    for (let next = queue.shift(); next; next = queue.shift()) await next.run()
    queues.delete(lane)
  }

  return (lane, priority, ask) =>
    new Promise((resolve, reject) => {
      // The next turn comes whether this one succeeded or not; its own caller hears of a failure.
      const run = () => ask().then(resolve, reject)
      const queue = queues.get(lane)
      if (!queue) {
        const made: Waiting[] = [{ priority, run }]
        queues.set(lane, made)
        void serve(lane, made)
        return
      }
      const behind = queue.findIndex((waiting) => waiting.priority > priority)
      queue.splice(behind < 0 ? queue.length : behind, 0, { priority, run })
    })
}
