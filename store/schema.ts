// The tables as Kysely sees them; the truth is in migrations/*.sql.
import { type ColumnType, type Generated } from 'kysely'
import { type AlertKind } from '../domain/alert.ts'
import { type EndState, type OpenDeliveryState } from '../domain/delivery.ts'
import { type Lane } from '../domain/lane.ts'
import { type LedgerRecords } from '../domain/ledger.ts'
import { type Account, type RetriedOutcome } from '../domain/outcome.ts'
import { type AudienceCounts } from '../domain/plan.ts'

type Timestamp = ColumnType<Date, Date | string, Date | string>
type MadeTimestamp = ColumnType<Date, Date | string | undefined, Date | string>
/** Read as a value, written as JSON text. */
type Json<T> = ColumnType<T, string, string>

export interface Database {
  channel: {
    id: string
    line_channel_id: string
    name: string
    secret_sealed: string
    multicast_per_second: number
    push_per_second: number
    created_at: MadeTimestamp
    updated_at: MadeTimestamp
  }
  content: {
    id: string
    name: string
    latest_version: number
    created_at: MadeTimestamp
    updated_at: MadeTimestamp
  }
  content_version: {
    content_id: string
    version: number
    messages: Json<unknown[]>
    notification_disabled: boolean
    variables: string[]
    created_at: MadeTimestamp
  }
  segment: {
    id: string
    name: string
    dialect: 'duckdb' | 'bigquery'
    sql: string
    list_id: string | null
    deleted_at: Timestamp | null
    created_at: MadeTimestamp
    updated_at: MadeTimestamp
  }
  campaign: {
    id: string
    name: string
    channel_id: string
    content_id: string
    segment_id: string
    priority: number
    time_zone: string
    locale: string
    aggregation_unit: string | null
    pause_at_failed_share: Generated<number>
    created_at: MadeTimestamp
    updated_at: MadeTimestamp
  }
  api_token: { token_sha256: string; name: string; created_at: MadeTimestamp }
  delivery: {
    id: string
    campaign_id: string
    occurrence: string
    channel_id: string
    content_id: string
    content_version: number
    segment_id: string
    segment_sql: string
    priority: number
    time_zone: string
    locale: string
    aggregation_unit: string | null
    rendered_as_of: Timestamp
    state: Exclude<OpenDeliveryState, 'paused' | 'cancelling'> | EndState
    state_reason: string | null
    gate: Generated<'open' | 'paused' | 'cancelled'>
    gate_seq: Generated<number>
    gate_by: string | null
    gate_why: string | null
    gate_at: Timestamp | null
    started_by: string
    created_at: MadeTimestamp
    updated_at: MadeTimestamp
    ended_at: Timestamp | null
    interrupted_at: Timestamp | null
    phase_at: MadeTimestamp
    next_round: number | null
    next_round_at: Timestamp | null
    last_round_at: Timestamp | null
    closing_round: number | null
    restored_at: Timestamp | null
    plan_dropped_at: Timestamp | null
    account: Json<Account> | null
    pause_at_failed_share: Generated<number>
    retry_of: string | null
    retry_outcomes: RetriedOutcome[] | null
  }
  failure_count: { delivery_id: string; failed: number; paused_at: number | null }
  delivery_event: {
    id: Generated<number>
    delivery_id: string
    at: MadeTimestamp
    kind: string
    by_whom: string | null
    detail: string | null
  }
  plan: {
    delivery_id: string
    attempt: string
    digest: string
    audience: Json<AudienceCounts>
    multicast_requests: number
    multicast_recipients: number
    push_requests: number
    push_recipients: number
    created_at: MadeTimestamp
  }
  page: {
    delivery_id: string
    lane: Lane
    round: number
    page_no: number
    batches: number[]
  }
  batch: {
    delivery_id: string
    lane: Lane
    batch_no: number
    plan_attempt: string
    body_digest: string
    recipients: number
    first_call_at: MadeTimestamp
    attempts: Generated<number>
    records: Json<LedgerRecords>
    accepted: Generated<number>
    rejected: Generated<number>
    unknown: Generated<number>
    skipped: Generated<number>
    unsent: Generated<number>
    split_calls: ColumnType<number, never, never>
    updated_at: MadeTimestamp
    outcome_at: Timestamp | null
  }
  split_budget: {
    delivery_id: string
    lane: Lane
    calls_before: number
    whole_requests: number[]
  }
  batch_attempt: {
    delivery_id: string
    lane: Lane
    batch_no: number
    attempt_no: number
    round: number
    first_call_at: MadeTimestamp
    calls_end_by: MadeTimestamp
    called_below: Generated<number>
  }
  lane_clock: {
    line_channel_id: string
    lane: Lane
    calls_per_second: number
    spent_until: MadeTimestamp
    lowerings: Generated<number>
    lowered_at: Timestamp | null
    lowered_to: number | null
    bearable_per_second: number | null
    watched_since: Timestamp | null
    watched_calls: Generated<number>
    watched_throttles: Generated<number>
    opening_throttles: Generated<number>
  }
  alert: {
    id: Generated<number>
    delivery_id: string
    kind: AlertKind
    detail: string
    since: Timestamp
    raised_at: MadeTimestamp
    cleared_at: Timestamp | null
    sent_at: Timestamp | null
    send_tries: Generated<number>
    send_after: MadeTimestamp
  }
  alert_watch: { only_one: Generated<boolean>; holder: string; held_until: Timestamp }
  schema_migration: { version: number; name: string; sha256: string; applied_at: MadeTimestamp }
}
