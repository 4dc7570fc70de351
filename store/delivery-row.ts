// A delivery as the rest of the program knows it, read from its row.
import { type Selectable } from 'kysely'
import { type Gate, type ShownState, shownState } from '../domain/delivery.ts'
import { type Account, type RetriedOutcome } from '../domain/outcome.ts'
import { type Database } from './schema.ts'

export type Phase = Database['delivery']['state']

export interface Delivery {
  id: string
  campaignId: string
  occurrence: string
  channelId: string
  contentId: string
  contentVersion: number
  segmentId: string
  segmentSql: string
  priority: number
  timeZone: string
  locale: string
  aggregationUnit: string | null
  /** Share of the plan, 0 to 1: where more recipients can't be reached it is paused. */
  pauseAtFailedShare: number
  /** The ended delivery whose recipients of these outcomes it is for; null where it has a segment of its own. */
  retry: { of: string; outcomes: RetriedOutcome[] } | null
  /** Liquid's `now`. */
  renderedAsOf: Date
  state: ShownState
  phase: Phase
  stateReason: string | null
  gate: Gate
  gateAt: Date | null
  startedBy: string
  createdAt: Date
  endedAt: Date | null
  /** When the store was restored under it; null again once it was recovered. */
  restoredAt: Date | null
  /** The round in which its ledger was closed; null where it was not, or not yet. */
  closingRound: number | null
  account: Account | null
  /** When its plan and parts were given up; null while they are kept. */
  planDroppedAt: Date | null
}

/** Adds what is shown to what is stored. */
export function readDelivery(row: Selectable<Database['delivery']>): Delivery {
  const gate: Gate = { position: row.gate, seq: row.gate_seq }
  if (row.gate_by !== null) gate.by = row.gate_by
  if (row.gate_why !== null) gate.why = row.gate_why
  return {
    id: row.id,
    campaignId: row.campaign_id,
    occurrence: row.occurrence,
    channelId: row.channel_id,
    contentId: row.content_id,
    contentVersion: row.content_version,
    segmentId: row.segment_id,
    segmentSql: row.segment_sql,
    priority: row.priority,
    timeZone: row.time_zone,
    locale: row.locale,
    aggregationUnit: row.aggregation_unit,
    pauseAtFailedShare: row.pause_at_failed_share,
    retry: row.retry_of === null ? null : { of: row.retry_of, outcomes: row.retry_outcomes ?? [] },
    renderedAsOf: row.rendered_as_of,
    state: shownState({
      phase: row.state,
      gate: row.gate,
      isInterrupted: row.interrupted_at !== null,
    }),
    phase: row.state,
    stateReason: row.state_reason,
    gate,
    gateAt: row.gate_at,
    startedBy: row.started_by,
    createdAt: row.created_at,
    endedAt: row.ended_at,
    restoredAt: row.restored_at,
    closingRound: row.closing_round,
    account: row.account,
    planDroppedAt: row.plan_dropped_at,
  }
}
