// Lets the batches of one process ask for a lane's permits one after the other, in the order in which they came.

/** Runs `ask` when everybody who came before on the same lane has had their turn. */
export type InTurn = <T>(lane: string, ask: () => Promise<T>) => Promise<T>

/**
 * Makes the queue of one process. Without it all batches of a lane ask PostgreSQL again and again for what one
 * of them can have: at 2,000 push/s that was two thirds of a core there, and the last to come were served first.
 */
export function createPermitQueue(): InTurn {
  const last = new Map<string, Promise<unknown>>()
  return (lane, ask) => {
    const turn = (last.get(lane) ?? Promise.resolve()).then(ask)
    // The next turn comes whether this one succeeded or not; its own caller hears of a failure.
    last.set(
      lane,
      turn.catch(() => undefined),
    )
    return turn
  }
}
