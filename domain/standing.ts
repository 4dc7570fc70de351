// Where a delivery stands, in plain words: what it is doing, what it waits for, and since when.
import { type AlertKind, type Finding } from './alert.ts'
import { type DeliveryState, type Gate, hasEnded } from './delivery.ts'
import { type Lane } from './lane.ts'

/** One lane of a delivery, as far as it is not done. */
export interface LaneStanding {
  lane: Lane
  /** Recipients without an outcome. */
  left: number
  /** Calls a second that a person allows; 0 stops the lane. */
  rate: number
  /** Calls a second that permits are given for at this moment. */
  pace: number
  /** When LINE's answers last lowered that; null where they have not. */
  slowedAt: Date | null
  /** When a person last changed the channel. */
  setAt: Date
}

/** Everything that words about a delivery are made of; instants are PostgreSQL's. */
export interface StandingFacts {
  now: Date
  /** Of the campaign: words name times as its people know them. */
  timeZone: string
  phase: DeliveryState
  phaseAt: Date
  endedAt: Date | null
  interruptedAt: Date | null
  gate: Gate
  gateAt: Date | null
  planned: number
  accepted: number
  /** Recipients with an outcome. */
  done: number
  /** When somebody last got an outcome. */
  lastOutcomeAt: Date | null
  /** When the ledger last heard anything of it at all. */
  lastNewsAt: Date | null
  /** Lanes with somebody left. */
  lanes: LaneStanding[]
  /** The round that it waits for or works on; null in the first pass over the plan. */
  round: { no: number; at: Date; lastBeganAt: Date } | null
  /** Why most of those who were called have no outcome. */
  unanswered: string | null
  alerts: Finding[]
}

/** What is said of a delivery. */
export interface Standing {
  what: string
  /** null where it goes on by itself, without waiting. */
  waitsFor: string | null
  since: Date
}

/** Time without an outcome after which a delivery that sends is said to wait. */
export const quietAfterMs = 3_000

/** Time without progress after which its activities are asked about, and a delivery that sends never waits for nothing. */
export const silentAfterMs = 15_000

/** Share of LINE's rate that other senders must have taken before it is worth a word. */
const slowedBelow = 0.9

/** The time as a clock in the zone shows it, with the zone's name, and with the day where that is another one. */
export function clockTime(at: Date, { timeZone, now }: { timeZone: string; now: Date }): string {
  const day = (date: Date) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, day: 'numeric', month: 'short' }).format(date)
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(at)
  return `${day(at) === day(now) ? time : `${day(at)} ${time}`} ${timeZone}`
}

const count = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`

/** The latest of some instants, of which the first is always known. */
function latest(first: Date, ...others: (Date | null)[]): Date {
  return others.reduce<Date>((last, at) => (at !== null && at > last ? at : last), first)
}

/** Whether a person has stopped every lane on which somebody is left. */
export function isStoppedByRate({ phase, lanes }: StandingFacts): boolean {
  return phase === 'sending' && lanes.length > 0 && lanes.every(({ rate }) => rate === 0)
}

/** Whether the next round is not due yet. */
export function isBetweenRounds({ phase, round, now }: StandingFacts): boolean {
  return phase === 'sending' && round !== null && round.at > now
}

/** Since when nothing has come of the delivery: no outcome, no new phase, no order, no other rate. */
export function idleSince(facts: StandingFacts): Date {
  const { phaseAt, gateAt, lastOutcomeAt, lanes } = facts
  const sending = facts.phase === 'sending' ? lanes.map(({ setAt }) => setAt) : []
  return latest(phaseAt, gateAt, lastOutcomeAt, ...sending)
}

function sendingText({ planned, accepted, done, lanes }: StandingFacts): string {
  const others = done - accepted
  const outcomes = `${accepted.toLocaleString('en')} of ${planned.toLocaleString('en')} accepted`
  const paces = lanes.map(({ lane, rate, pace }) =>
    rate === 0
      ? `${lane} stopped`
      : `${lane} at most ${Math.round(pace).toLocaleString('en')} calls/s`,
  )
  return [
    others > 0 ? `${outcomes}, ${others.toLocaleString('en')} with another outcome` : outcomes,
    ...(paces.length > 0 ? [paces.join(', ')] : []),
  ].join('; ')
}

function phaseText(facts: StandingFacts): string {
  switch (facts.phase) {
    case 'starting':
      return 'starting'
    case 'freezing':
      return 'freezing the audience'
    case 'reconciling':
      return 'comparing plan and outcomes recipient by recipient'
    default:
      return `sending: ${sendingText(facts)}`
  }
}

function findingOf({ alerts }: StandingFacts, kind: AlertKind): Finding | undefined {
  return alerts.find((alert) => alert.kind === kind)
}

function stoppedText({ lanes }: StandingFacts): string {
  const names = lanes.map(({ lane }) => lane).join(' and ')
  return `a rate: ${names} ${lanes.length === 1 ? 'has' : 'have'} rate 0`
}

/** What an interrupted delivery waits for. */
export const interruptedWait =
  'an operator, to recover it (lfm delivery recover): Temporal has no running workflow of it'

type Wait = Omit<Standing, 'what'>

/** What a delivery that sends waits for, if it waits. */
function sendingWait(facts: StandingFacts, failure: string | undefined): Wait | undefined {
  const { now, lanes, round, unanswered, planned, done } = facts
  const idle = idleSince(facts)
  if (isStoppedByRate(facts))
    return { waitsFor: stoppedText(facts), since: latest(facts.phaseAt, lanes[0]?.setAt ?? null) }
  if (round && isBetweenRounds(facts)) {
    const why = unanswered === null ? '' : `: ${unanswered}`
    const left = count(planned - done, 'recipient')
    return {
      waitsFor: `round ${round.no} at ${clockTime(round.at, facts)} (${left} without an outcome${why})`,
      since: idle,
    }
  }
  const isQuiet = now.getTime() - latest(idle, round?.at ?? null).getTime() > quietAfterMs
  if (isQuiet && unanswered !== null)
    return { waitsFor: `LINE, which accepts nothing: ${unanswered}`, since: idle }
  // A lower rate is no reason for no outcome at all.
  if (failure !== undefined) return { waitsFor: failure, since: idle }
  const slowed = lanes.filter(({ rate, pace }) => rate > 0 && pace < rate * slowedBelow)
  if (slowed.length > 0) {
    const paces = slowed.map(
      ({ lane, rate, pace }) =>
        `${lane} at ${Math.round(pace).toLocaleString('en')} of ${rate.toLocaleString('en')} calls/s`,
    )
    return {
      waitsFor: `LINE's rate: other senders use this channel (${paces.join(', ')})`,
      since: latest(facts.phaseAt, ...slowed.map(({ slowedAt }) => slowedAt)),
    }
  }
  return undefined
}

/**
 * What a delivery is known to wait for, apart from alerts.
 * @param failures what its activities last failed with, where it has made no progress for `silentAfterMs`
 */
export function knownWait(facts: StandingFacts, failures: readonly string[]): Wait | undefined {
  const [failure] = failures
  if (facts.gate.position === 'open' && facts.phase === 'sending')
    return sendingWait(facts, failure)
  return failure === undefined ? undefined : { waitsFor: failure, since: idleSince(facts) }
}

/** Somebody is left and gets no outcome, and nobody knows why: it must not look as if all were well. */
function silence(facts: StandingFacts): Wait | undefined {
  const { phase, gate, lanes, round, now } = facts
  if (phase !== 'sending' || gate.position !== 'open' || lanes.length === 0) return undefined
  const since = idleSince(facts)
  const silentMs = now.getTime() - latest(since, round?.at ?? null).getTime()
  if (silentMs <= silentAfterMs) return undefined
  return { waitsFor: 'an outcome; nothing is known to be in its way', since }
}

/** What is said of a delivery; the same words for CLI, API and alerts. @param failures as of `knownWait` */
export function standingOf(facts: StandingFacts, failures: readonly string[] = []): Standing {
  const { phase, gate, gateAt } = facts
  if (hasEnded(phase)) return { what: phase, waitsFor: null, since: facts.endedAt ?? facts.phaseAt }
  const phaseWords = phaseText(facts)
  if (facts.interruptedAt) {
    return {
      what: `interrupted while ${phaseWords}`,
      waitsFor: interruptedWait,
      since: facts.interruptedAt,
    }
  }
  const isHeld = gate.position !== 'open'
  const since = isHeld ? latest(facts.phaseAt, gateAt) : facts.phaseAt
  if (gate.position === 'paused') {
    const who = `paused by ${gate.by ?? 'somebody'} since ${clockTime(gateAt ?? since, facts)}`
    return {
      what: `${who}: ${gate.why ?? ''} (${phaseWords})`,
      waitsFor: 'an operator, to resume or cancel it',
      since: gateAt ?? since,
    }
  }
  const what =
    gate.position === 'cancelled' && phase !== 'reconciling'
      ? 'cancelling: closes the account when no call can be under way any more'
      : phaseWords
  const away = findingOf(facts, 'temporal-away') ?? findingOf(facts, 'unserved')
  if (away) return { what, waitsFor: away.detail, since: away.since }
  const wait = knownWait(facts, failures)
  if (wait) return { what, ...wait }
  const stalled = findingOf(facts, 'stalled')
  if (stalled) return { what, waitsFor: stalled.detail, since: stalled.since }
  return { what, ...(silence(facts) ?? { waitsFor: null, since }) }
}
