// What LFM asks of a warehouse: cut a segment, freeze it into a request plan, keep outcomes, reconcile.
import { type Lane } from '../domain/lane.ts'
import { type Account, type Outcome, type RetriedOutcome } from '../domain/outcome.ts'
import { type FrozenPlan } from '../domain/plan.ts'
import { type ClickRow, type FriendEvent } from './event-rows.ts'
import { type ListRow, type StoredList } from './list-rows.ts'

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
  /** It would read more than one query may. */
  | 'too-much-data'
  /** What it needs is in another place, or may not be read; the message says what to set or grant. */
  | 'no-access'

/**
 * A step can't be done before a person does something, and the message says what. Waiting alone won't help; tried again
 * after that, the step goes on.
 */
export class PersonNeeded extends Error {
  override readonly name = 'PersonNeeded'
  readonly reason: 'plan-gone' | 'log-gone' | 'no-access'
  constructor(reason: PersonNeeded['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/**
 * The reason to abort a step with that nobody has cancelled: its process ends, or another try of it has begun. What an
 * engine works on apart from our process then goes on, for the next try finds it; with any other reason it is cancelled.
 */
export class HandedOver extends Error {
  override readonly name = 'HandedOver'
  constructor(cause: unknown) {
    super('The step is left to another try of it.', { cause })
  }
}

/** What a step is done for, and how long. */
export interface Work {
  /** The campaign, by which an engine that bills its work can say what the work was for. */
  campaignId?: string | undefined
  /** Ends the step, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** A freeze of one delivery's audience. */
export interface FreezeRequest {
  deliveryId: string
  /**
   * The name of this freeze attempt, `[A-Za-z0-9-]+`, which files and tables carry. Where `resumesFreeze`, all tries of a
   * delivery's freeze have one name; elsewhere no two share one.
   */
  attempt: string
  sql: string
  /**
   * The delivery's own instant, ISO 8601. The SQL reads it as a named parameter of the type TIMESTAMP (with time zone):
   * `$delivery_at` on DuckDB, `@delivery_at` on BigQuery. Every other parameter is refused as `invalid-sql`.
   */
  deliveryAt: string
  /** Names of the segment's columns that the content uses, in any order; they become the row's variables. */
  variables: readonly string[]
  /** The campaign, by which an engine that bills its work can say what the work was for. */
  campaignId?: string
}

/** A freeze of the audience of a delivery that retries an earlier one. */
export interface RetryFreezeRequest extends Omit<FreezeRequest, 'sql' | 'deliveryAt'> {
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
 * All reject when the engine can't be reached; the caller retries. Those of a delivery that has a plan reject with
 * PersonNeeded where the engine can tell that no retry will do.
 */
export interface Warehouse {
  /** The SQL dialect that segments are written in here. */
  readonly dialect: 'duckdb' | 'bigquery'
  /**
   * Whether a freeze that is begun again under the same attempt's name goes on from what earlier tries have done, whoever
   * of them is still at work.
   */
  readonly resumesFreeze: boolean
  /**
   * Checks the SQL without keeping anything; the parameter `delivery_at` is now. Besides the user's own tables it may
   * read these, whose columns docs/warehouse-tables.md lists: `delivery_log`, `click_log`, `friend_events` and the
   * lists as tables; `line_friends`, `delivered_last_30_days` and `clicks_by_campaign` as views of them. All are there
   * from the start, and empty.
   * @throws SegmentRefused
   */
  inspectSegment(sql: string, variables: readonly string[]): Promise<SegmentInspection>
  /**
   * Runs the segment once and makes the plan under the attempt's name. The plan says by which name it is to be found: it
   * is another one where the rows of an earlier try are gone and the segment had to run again.
   * @throws SegmentRefused
   */
  freeze(request: FreezeRequest, signal?: AbortSignal): Promise<FrozenPlan>
  /**
   * Makes the plan of a retry from plan and log of the delivery that it retries, numbered as any other.
   * Rejects unless exactly the recipients asked for are there.
   */
  freezeRetry(request: RetryFreezeRequest, signal?: AbortSignal): Promise<FrozenPlan>
  /** Reads requests in order of their number; rejects unless exactly the range asked for is there. */
  readRequests(range: PlanRange, work?: Work): Promise<PlannedRequest[]>
  /** Writes a part; a part of that name which is already there is replaced as a whole by the same or more rows. */
  writePart(part: PartName, rows: AsyncIterable<OutcomeRow[]>, work?: Work): Promise<void>
  /**
   * Writes, as one part, the outcome `unsent` for every recipient of the given request ranges.
   * For requests that no attempt ever reached, so that no row per request has to pass through memory.
   */
  writeUnsent(
    part: PartName,
    attempt: string,
    ranges: readonly { fromRequest: number; toRequest: number }[],
    facts: { at: string; reason: string },
    work?: Work,
  ): Promise<void>
  /** Removes every part of the delivery but these, such as those of rounds that a restored store knows nothing of. */
  dropOtherParts(deliveryId: string, kept: readonly PartName[], work?: Work): Promise<void>
  /** Compares the plan with all parts that can be read. Rejects where the plan itself isn't there whole. */
  reconcile(deliveryId: string, attempt: string, work?: Work): Promise<Reconciliation>
  /** Makes the delivery's rows of `delivery_log` (one a recipient) from plan and parts, as a whole or not at all. */
  materialiseLog(facts: DeliveryFacts, work?: Work): Promise<{ rows: number }>
  /** User ids of one outcome, from `delivery_log`, some thousand at a time. */
  recipients(deliveryId: string, outcome: Outcome, work?: Work): AsyncIterable<string[]>
  /** Values of `user_id` in the segment that are no LINE user id, the first `limit` of them. */
  malformedIds(deliveryId: string, attempt: string, limit: number, work?: Work): Promise<string[]>
  /** Files or tables of freeze attempts that lost are removed. */
  dropOtherAttempts(deliveryId: string, attempt: string): Promise<void>
  /**
   * Adds clicks to `click_log` as one part, exactly once: a part of that name which is there already stays as it is,
   * whatever rows come. Nothing is added where the rows break off. At most a part a minute in the long run (BigQuery
   * allows 1,500 loads a table and day).
   * @param part `[A-Za-z0-9-]+`, not used for another set of clicks ever.
   */
  writeClicks(part: string, rows: AsyncIterable<ClickRow[]>): Promise<void>
  /**
   * Adds to `friend_events`, by the rules of `writeClicks`. The view `line_friends` shows what follows from all events:
   * one row for each channel and id; the event with the latest instant counts, of several the one with the greatest
   * `event_id`; its status is `blocked` after `unfollow` and `friend` after any other.
   */
  writeFriendEvents(part: string, rows: AsyncIterable<FriendEvent[]>): Promise<void>
  /**
   * Makes the table of an uploaded list; one row an id, that of the smallest line. A list of that id which is there
   * already stays as it is. Nothing is kept where the rows break off, and the error of the rows is rejected with.
   * Ids are taken as they are: who calls has checked them.
   * @param listId `[a-z0-9_]+`
   * @param columns distinct names `[A-Za-z_][A-Za-z0-9_]*`, not `user_id`, none differing from another by case only.
   */
  writeList(
    listId: string,
    columns: readonly string[],
    rows: AsyncIterable<ListRow[]>,
  ): Promise<StoredList>
  /** The list, or undefined where there is none of that id. */
  inspectList(listId: string): Promise<StoredList | undefined>
  /** Removes a list; nothing happens where there is none. Segments that read it are refused from then on. */
  dropList(listId: string): Promise<void>
  /**
   * Puts off the end of the plan and the parts of a delivery, where they end by themselves some time after they were last
   * used. To be called from time to time, by any number of processes; something is changed once a day at most. Makes
   * nothing: where they are gone, nothing happens, and who needs them is told.
   */
  keepDelivery(deliveryId: string, attempt: string, signal?: AbortSignal): Promise<void>
  /** Ids of the deliveries of which there are plans or parts, of whatever attempt; in no order, each once. */
  heldDeliveries(): Promise<string[]>
  /**
   * Removes all plans and parts of a delivery; its rows of `delivery_log` stay. Nothing happens where there are none.
   * The caller makes sure that the delivery has ended and that no open one retries it: afterwards it can be neither
   * read, reconciled, logged again nor retried, and each of these rejects.
   */
  dropDelivery(deliveryId: string): Promise<void>
  /**
   * Removes what is older than the day from `delivery_log` and `click_log`; a driver may keep rows until everything
   * that lies with them (the delivery, the part, the day's partition) is older. Younger rows never go.
   * @param day `YYYY-MM-DD`, in UTC
   */
  dropLogsBefore(day: string): Promise<void>
  close(): Promise<void>
}
