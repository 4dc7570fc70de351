// What is needed to say where a delivery stands, read in a few cheap statements; the words are domain/standing.ts.
import { sql } from 'kysely'
import { hasEnded } from '../domain/delivery.ts'
import { type Lane, lanes } from '../domain/lane.ts'
import { type Account, outcomes } from '../domain/outcome.ts'
import { idleSince, isBetweenRounds, quietAfterMs, type StandingFacts } from '../domain/standing.ts'
import { type Alerts, type OpenAlert } from './alerts.ts'
import { type Db } from './database.ts'
import { type Delivery } from './delivery-row.ts'

export interface Standings {
  /** The facts, with the outcomes so far (`planned` is 0 before there is a plan) and the open alerts. */
  read(
    delivery: Delivery,
  ): Promise<{ facts: StandingFacts; progress: Account; alerts: OpenAlert[] }>
}

interface LaneRow {
  lane: Lane
  rate: number
  pace: number
  slowed_at: Date | null
  set_at: Date
  planned: number
  accepted: number
  rejected: number
  unknown: number
  skipped: number
  unsent: number
  outcome_at: Date | null
  news_at: Date | null
}

interface StepRow {
  now: Date
  phase_at: Date
  interrupted_at: Date | null
  next_round: number | null
  next_round_at: Date | null
  last_round_at: Date | null
}

/** Batches whose records are looked at for a reason: those that the ledger heard of last. */
const batchesAsked = 20

export function createStandings(db: Db, alerts: Pick<Alerts, 'open'>): Standings {
  const readSteps = (id: string) =>
    sql<StepRow>`select clock_timestamp() as now, phase_at, interrupted_at, next_round, next_round_at,
      last_round_at from delivery where id = ${id}::uuid`.execute(db)

  const readLanes = (id: string) =>
    sql<LaneRow>`
      select l.lane,
        case l.lane when 'multicast' then c.multicast_per_second else c.push_per_second end as rate,
        case when k.calls_per_second > 0 then lane_rate(k, clock_timestamp()) else 0 end as pace,
        k.lowered_at as slowed_at, c.updated_at as set_at,
        coalesce(case l.lane when 'multicast' then p.multicast_recipients else p.push_recipients end, 0) as planned,
        b.*
      from delivery d
      join channel c on c.id = d.channel_id
      cross join unnest(${[...lanes]}::text[]) with ordinality l (lane, place)
      left join plan p on p.delivery_id = d.id
      left join lane_clock k on k.line_channel_id = c.line_channel_id and k.lane = l.lane
      cross join lateral (
        select coalesce(sum(x.accepted), 0)::integer as accepted, coalesce(sum(x.rejected), 0)::integer as rejected,
          coalesce(sum(x.unknown), 0)::integer as unknown, coalesce(sum(x.skipped), 0)::integer as skipped,
          coalesce(sum(x.unsent), 0)::integer as unsent, max(x.outcome_at) as outcome_at, max(x.updated_at) as news_at
        from batch x where x.delivery_id = d.id and x.lane = l.lane) b
      where d.id = ${id}::uuid order by l.place`.execute(db)

  /** The commonest of the reasons why those who were called last have no outcome. */
  async function readReason(id: string): Promise<string | null> {
    const { rows } = await sql<{ reason: string | null }>`
      select mode() within group (order by r.value ->> 'reason') as reason
      from (select records from batch where delivery_id = ${id}::uuid
          and accepted + rejected + unknown + skipped + unsent < recipients
          order by updated_at desc limit ${batchesAsked}) b,
        jsonb_each(b.records) r
      where r.value ->> 'state' in ('in-doubt', 'not-accepted')`.execute(db)
    return rows[0]?.reason ?? null
  }

  return {
    async read(delivery) {
      const [steps, byLane, open] = await Promise.all([
        readSteps(delivery.id),
        readLanes(delivery.id),
        alerts.open(delivery.id),
      ])
      const [step] = steps.rows
      if (!step) throw new Error(`Delivery ${delivery.id} vanished.`)
      const sum = (of: (row: LaneRow) => number) =>
        byLane.rows.reduce((total, row) => total + of(row), 0)
      const last = (of: (row: LaneRow) => Date | null) =>
        byLane.rows
          .map(of)
          .reduce((one, other) => (other && (!one || other > one) ? other : one), null)
      const progress: Account = {
        planned: sum((row) => row.planned),
        accepted: sum((row) => row.accepted),
        rejected: sum((row) => row.rejected),
        unknown: sum((row) => row.unknown),
        skipped: sum((row) => row.skipped),
        unsent: sum((row) => row.unsent),
      }
      const facts: StandingFacts = {
        now: step.now,
        timeZone: delivery.timeZone,
        phase: delivery.phase,
        phaseAt: step.phase_at,
        endedAt: delivery.endedAt,
        interruptedAt: step.interrupted_at,
        gate: delivery.gate,
        gateAt: delivery.gateAt,
        planned: progress.planned,
        accepted: progress.accepted,
        done: sum(doneOf),
        lastOutcomeAt: last((row) => row.outcome_at),
        lastNewsAt: last((row) => row.news_at),
        lanes: byLane.rows.flatMap((row) => {
          const left = row.planned - doneOf(row)
          if (left <= 0) return []
          const { lane, rate, pace, slowed_at, set_at } = row
          return [{ lane, left, rate, pace, slowedAt: slowed_at, setAt: set_at }]
        }),
        round:
          step.next_round !== null && step.next_round_at && step.last_round_at
            ? { no: step.next_round, at: step.next_round_at, lastBeganAt: step.last_round_at }
            : null,
        unanswered: null,
        alerts: open,
      }
      return {
        facts: isReasonAsked(facts)
          ? { ...facts, unanswered: await readReason(delivery.id) }
          : facts,
        progress,
        alerts: open,
      }
    },
  }
}

/** Recipients of a lane with an outcome. */
function doneOf(row: LaneRow): number {
  return outcomes.reduce((total, outcome) => total + row[outcome], 0)
}

/** Records are read only where there is something to explain, for they are the large part of the ledger. */
function isReasonAsked(facts: StandingFacts): boolean {
  if (hasEnded(facts.phase) || facts.phase !== 'sending' || facts.lanes.length === 0) return false
  const quietMs = facts.now.getTime() - idleSince(facts).getTime()
  return isBetweenRounds(facts) || quietMs > quietAfterMs
}
