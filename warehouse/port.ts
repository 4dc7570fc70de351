// What LFM asks of a warehouse: cut a segment, freeze it into a request plan, keep outcomes, reconcile.
import { type Lane } from '../domain/lane.ts'
import { type Account, type Outcome, type RetriedOutcome } from '../domain/outcome.ts'
import { type FrozenPlan } from '../domain/plan.ts'

/** A column that a segment yields. */
export interface SegmentColumn {
  name: string
  /** The engine's own name of the type. */
  type: string
}

/** What is known of a segment before it runs. */
export interface SegmentInspection {
  columns: SegmentColumn[]
  /** Whether the segment yields at least one row now. */
  hasRows: boolean
}

/** The segment can't be used as it stands; the message is for the marketer, in the engine's own words where it spoke. */
export class SegmentRefused extends Error {
  override readonly name = 'SegmentRefused'
  readonly reason: SegmentRefusal
  /** Position in the SQL, 1-based, where the engine gave one. */
  readonly position: { line: number; column: number } | undefined
  constructor(
    reason: SegmentRefusal,
    message: string,
    position?: { line: number; column: number },
    cause?: unknown,
  ) {
    super(message, { cause })
    this.reason = reason
    this.position = position
  }
}

/** Why a segment is refused. */
export type SegmentRefusal =
  | 'not-one-statement'
  | 'not-a-select'
  | 'invalid-sql'
  | 'unknown-table'
  | 'no-user-id'
  | 'missing-variable'
  | 'no-rows'

/** A freeze of one delivery's audience. */
export interface FreezeRequest {
  deliveryId: string
  /** The name of this freeze attempt, `[A-Za-z0-9-]+`; files and tables carry it and no two attempts share one. */
  attempt: string
  sql: string
  /** Names of the segment's columns that the content uses, in any order; they become the row's variables. */
  variables: readonly string[]
}

/** A freeze of the audience of a delivery that retries an earlier one. */
export interface RetryFreezeRequest extends Omit<FreezeRequest, 'sql'> {
  /** The delivery that has ended, and the attempt whose plan it had. */
  earlier: { deliveryId: string; attempt: string }
  /** Whose recipients are taken, with the variables frozen then. */
  outcomes: readonly RetriedOutcome[]
  /** How many there are by the account of the earlier delivery. */
  recipients: number
}

/** One request of a frozen plan: who is in it and the variables they share. */
export interface PlannedRequest {
  requestNo: number
  /** Canonical JSON object of the variables (keys sorted); `{}` where the content has none. */
  variables: string
  /** Recipients by ordinal. */
  userIds: string[]
}

/** A range of requests in a plan, half-open. */
export interface PlanRange {
  deliveryId: string
  attempt: string
  lane: Lane
  fromRequest: number
  toRequest: number
}

/** Names one immutable part of a delivery's outcomes. */
export interface PartName {
  deliveryId: string
  lane: Lane
  /** A page number, or a word for a part that no page made, such as `rest`. `[A-Za-z0-9-]+` */
  page: string
  round: number
}

/** Final outcome of the recipients `[fromOrdinal, toOrdinal)` of one request. */
export interface OutcomeRow {
  lane: Lane
  requestNo: number
  fromOrdinal: number
  toOrdinal: number
  outcome: Outcome
  lineRequestId: string | null
  retryKey: string | null
  /** ISO 8601 instant. */
  at: string
  reason: string | null
}

/** What comparing plan and outcomes gave; `isExact` only where every set and count agrees. */
export interface Reconciliation {
  account: Account
  /** Recipients of the plan without an outcome: plan EXCEPT DISTINCT outcomes. */
  withoutOutcome: number
  /** First requests (at most 1,000) that lack an outcome, to find the part that is missing. */
  requestsWithoutOutcome: { lane: Lane; requestNo: number }[]
  /** Outcomes of nobody in the plan: outcomes EXCEPT DISTINCT plan. */
  outcomesWithoutRecipient: number
  /** (lane, request, ordinal) with two or more final outcomes. */
  withTwoOutcomes: number
  /** User ids that stand twice in the plan. */
  doubledUserIds: number
  /** Parts that can't be read, as when a file was cut short; their outcomes count as missing. */
  unreadableParts: number
  isExact: boolean
}

/** Facts that are written into every row of `delivery_log`. */
export interface DeliveryFacts {
  deliveryId: string
  campaignId: string
  channelId: string
  attempt: string
}

/**
 * The warehouse port. Every method may be called again after a crash at any point and then yields the same.
 * All reject when the engine can't be reached; the caller retries.
 */
export interface Warehouse {
  /** The SQL dialect that segments are written in here. */
  readonly dialect: 'duckdb' | 'bigquery'
  /** Checks the SQL without keeping anything. @throws SegmentRefused */
  inspectSegment(sql: string, variables: readonly string[]): Promise<SegmentInspection>
  /** Runs the segment once and makes the plan under the attempt's own name. @throws SegmentRefused */
  freeze(request: FreezeRequest, signal?: AbortSignal): Promise<FrozenPlan>
  /**
   * Makes the plan of a retry from plan and log of the delivery that it retries, numbered as any other.
   * Rejects unless exactly the recipients asked for are there.
   */
  freezeRetry(request: RetryFreezeRequest, signal?: AbortSignal): Promise<FrozenPlan>
  /** Reads requests in order of their number; rejects unless exactly the range asked for is there. */
  readRequests(range: PlanRange): Promise<PlannedRequest[]>
  /** Writes a part; a part of that name which is already there is replaced as a whole by the same or more rows. */
  writePart(part: PartName, rows: AsyncIterable<OutcomeRow[]>): Promise<void>
  /**
   * Writes, as one part, the outcome `unsent` for every recipient of the given request ranges.
   * For requests that no attempt ever reached, so that no row per request has to pass through memory.
   */
  writeUnsent(
    part: PartName,
    attempt: string,
    ranges: readonly { fromRequest: number; toRequest: number }[],
    facts: { at: string; reason: string },
  ): Promise<void>
  /** Removes every part of the delivery but these, such as those of rounds that a restored store knows nothing of. */
  dropOtherParts(deliveryId: string, kept: readonly PartName[]): Promise<void>
  /** Compares the plan with all parts that can be read. Rejects where the plan itself isn't there whole. */
  reconcile(deliveryId: string, attempt: string): Promise<Reconciliation>
  /** Makes the delivery's rows of `delivery_log` (one a recipient) from plan and parts, as a whole or not at all. */
  materialiseLog(facts: DeliveryFacts): Promise<{ rows: number }>
  /** User ids of one outcome, from `delivery_log`, some thousand at a time. */
  recipients(deliveryId: string, outcome: Outcome): AsyncIterable<string[]>
  /** Values of `user_id` in the segment that are no LINE user id, the first `limit` of them. */
  malformedIds(deliveryId: string, attempt: string, limit: number): Promise<string[]>
  /** Files or tables of freeze attempts that lost are removed. */
  dropOtherAttempts(deliveryId: string, attempt: string): Promise<void>
  close(): Promise<void>
}
