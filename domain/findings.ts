// What is wrong with a delivery: whether it needs a person, is served by nobody, or comes no further.
import { type Finding } from './alert.ts'
import { hasEnded } from './delivery.ts'
import { keyUsableForMs } from './ledger.ts'
import {
  idleSince,
  interruptedWait,
  isBetweenRounds,
  isStoppedByRate,
  knownWait,
  silentAfterMs,
  type StandingFacts,
} from './standing.ts'

/** What Temporal said when it was asked; null where there was no reason to ask. */
export type TemporalSight =
  /** It can't be reached, since then. */
  | { kind: 'away'; since: Date }
  | {
      kind: 'there'
      /** Task queues that the delivery needs and nobody takes from. */
      unservedQueues: readonly string[]
      /** What the delivery's activities last failed with. */
      failures: readonly string[]
    }

/** Nobody has waited so long for a body that LINE can't take: retry keys are dead by then. */
const longestWithoutOutcomeMs = keyUsableForMs

/** Above this share of the plan it is LINE that answers nobody, and not one body that it can't take. */
const stragglersShare = 0.01

/**
 * Since when the delivery has made no progress that it should have made; undefined where it waits as planned: for a
 * person who paused it or set a rate of 0, or for a round that is there for a few stragglers.
 */
export function stuckSince(facts: StandingFacts): Date | undefined {
  const { phase, gate, round, lastOutcomeAt } = facts
  if (hasEnded(phase) || gate.position === 'paused') return undefined
  const idle = idleSince(facts)
  if (phase !== 'sending' || gate.position === 'cancelled') return idle
  if (isStoppedByRate(facts)) return undefined
  if (!round) return idle
  const hadNone = lastOutcomeAt === null || lastOutcomeAt < round.lastBeganAt
  const isLine = facts.planned - facts.done > facts.planned * stragglersShare
  const isLong = facts.now.getTime() - idle.getTime() > longestWithoutOutcomeMs
  if (hadNone && (isLine || isLong)) return idle
  if (isBetweenRounds(facts)) return undefined
  return round.at > idle ? round.at : idle
}

/** Whether what its activities fail with is worth asking, for it should have made progress and has not. */
export function isSilent(facts: StandingFacts): boolean {
  const stuck = facts.interruptedAt ? undefined : stuckSince(facts)
  return stuck !== undefined && facts.now.getTime() - stuck.getTime() > silentAfterMs
}

/** Everything that is wrong with a delivery now. */
export function findingsOf(
  facts: StandingFacts,
  sight: TemporalSight | null,
  patienceMs: number,
): Finding[] {
  const { now, gate, gateAt, phase } = facts
  if (hasEnded(phase)) return []
  const found: Finding[] = []
  if (facts.interruptedAt) {
    return [
      {
        kind: 'interrupted',
        detail: interruptedWait,
        since: facts.interruptedAt,
      },
    ]
  }
  if (gate.position === 'paused' && gate.by === 'LFM') {
    found.push({
      kind: 'paused-by-lfm',
      detail: `an operator, to resume or cancel it: ${gate.why ?? ''}`,
      since: gateAt ?? now,
    })
  }
  if (sight?.kind === 'away')
    found.push({
      kind: 'temporal-away',
      detail: "Temporal, which can't be reached",
      since: sight.since,
    })
  if (sight?.kind === 'there' && sight.unservedQueues.length > 0) {
    found.push({
      kind: 'unserved',
      detail: `a worker: nobody serves ${sight.unservedQueues.join(' and ')}`,
      since: idleSince(facts),
    })
  }
  const stuck = stuckSince(facts)
  // What was found above already says what it waits for.
  if (found.length === 0 && stuck && now.getTime() - stuck.getTime() > patienceMs) {
    const failures = sight?.kind === 'there' ? sight.failures : []
    const wait = knownWait(facts, failures)
    found.push({
      kind: 'stalled',
      detail: wait?.waitsFor ?? "something that LFM can't name: see the workflow in Temporal Web",
      since: stuck,
    })
  }
  return found
}
