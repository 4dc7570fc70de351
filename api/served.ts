// Whether somebody takes from the task queues that a delivery needs, by what Temporal knows of its pollers.
import { isStoppedByRate, type StandingFacts } from '../domain/standing.ts'
import { deliveryQueue, laneQueue } from '../workflows/queues.ts'
import { type QueueSight } from './temporal.ts'

export interface NeededQueue {
  name: string
  type: 'workflow' | 'activity'
}

/** A delivery of which something was heard within this time is served. */
export const quietMs = 15_000
/** A worker that is busy with every batch that it may take hears from LINE, or writes down that it did not, in this time. */
const silentBusyMs = 20_000
/** A worker that has nothing to do asks Temporal again within this time: its long poll, and some. */
const longPollMs = 75_000

/** Time since anything was heard of a delivery: an outcome, an order, a phase, a merge into its ledger. */
export function quietForMs({ now, phaseAt, gateAt, lastNewsAt }: StandingFacts): number {
  const heardAt = [phaseAt, gateAt, lastNewsAt].map((at) => at?.getTime() ?? 0)
  return now.getTime() - Math.max(...heardAt)
}

/** The queues that somebody has to serve for the delivery to go on from where it is. */
export function neededQueues(facts: StandingFacts, lineChannelId: string): NeededQueue[] {
  const queues: NeededQueue[] = [{ name: deliveryQueue, type: 'workflow' }]
  if (facts.phase !== 'starting') queues.push({ name: deliveryQueue, type: 'activity' })
  if (facts.phase === 'sending' && facts.gate.position === 'open' && !isStoppedByRate(facts))
    for (const { lane, rate } of facts.lanes)
      if (rate > 0) queues.push({ name: laneQueue(lineChannelId, lane), type: 'activity' })
  return queues
}

/**
 * Whether somebody serves the queue. Pollers are listed for minutes after they have gone, and one that has nothing to
 * do may last have asked a minute ago; so what counts is when the last one asked, and whether work lies there.
 * @param facts of a delivery that has been quiet for `quietMs`.
 */
export function isServed(facts: StandingFacts, { lastPollAgoMs, backlog }: QueueSight): boolean {
  if (lastPollAgoMs !== null && lastPollAgoMs <= quietMs) return true
  // Started, and nobody has taken up its very first step, which takes a worker no time.
  if (facts.phase === 'starting') return false
  if (backlog > 0 && quietForMs(facts) > silentBusyMs) return false
  return lastPollAgoMs !== null && lastPollAgoMs <= longPollMs
}
