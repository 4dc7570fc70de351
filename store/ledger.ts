// The ledger: attempts before their calls, LINE's answers merged after, permits in between.
import { sql } from 'kysely'
import { type Lane } from '../domain/lane.ts'
import {
  BodiesDiffer,
  CancelledBefore,
  type LedgerRecord,
  type LedgerRecords,
} from '../domain/ledger.ts'
import { type Account } from '../domain/outcome.ts'
import { type Db } from './database.ts'
import { createPermits, type Permits } from './permits.ts'
import { createSplitBudgets, type SplitBudgets } from './split-budget.ts'

/** Names one batch of one delivery. */
export interface BatchKey {
  deliveryId: string
  lane: Lane
  batchNo: number
}

export interface BegunAttempt {
  attemptNo: number
  records: LedgerRecords
  /** Time since each attempt began, from the first to this one. */
  attemptAgesMs: number[]
  /** Time until no call of an earlier attempt is on the wire any more; 0 or less where none is. */
  earlierCallsEndInMs: number
  /** Of each attempt before this one, from the first: no call was permitted for a request of that number or above. */
  calledBelow: number[]
}

export interface LedgerBatch {
  lane: Lane
  batchNo: number
  /** Attempts begun so far. */
  attempts: number
  records: LedgerRecords
}

/** A piece of any delivery, with what its retry key follows from. */
export interface AcceptedPiece {
  deliveryId: string
  name: string
  record: LedgerRecord
}

export interface Ledger extends Permits, SplitBudgets {
  /** @throws BodiesDiffer, CancelledBefore */
  beginAttempt(
    batch: BatchKey & {
      planAttempt: string
      bodyDigest: string
      recipients: number
      round: number
    },
  ): Promise<BegunAttempt>
  /** Merges records into the batch's row; an outcome or a split gives way to nothing but an acceptance, and of an
   *  attempt that has a successor nothing but acceptances counts. */
  merge(batch: BatchKey & { attemptNo: number }, records: LedgerRecords): Promise<void>
  /** Sums of final outcomes so far; `planned` is left 0. */
  progress(deliveryId: string): Promise<Account>
  /** The records of the batches named, those that exist, ascending. */
  batches(deliveryId: string, lane: Lane, batchNos: readonly number[]): Promise<LedgerBatch[]>
  /** Numbers of the batches that were attempted, ascending. */
  attempted(deliveryId: string, lane: Lane): Promise<number[]>
  /** Numbers of the attempted batches in which somebody has no final outcome, ascending. */
  unresolved(deliveryId: string, lane: Lane): Promise<number[]>
  /** Whether LINE has accepted anything on this lane of the delivery. */
  hasAccepted(deliveryId: string, lane: Lane): Promise<boolean>
  /** Any piece that LINE accepted on this lane of the channel, first called within the time; undefined where none is. */
  findAccepted(
    lineChannelId: string,
    lane: Lane,
    withinMs: number,
  ): Promise<AcceptedPiece | undefined>
}

type BeginRow = { gate_seq: number } & (
  | { attempt_no: null }
  | {
      attempt_no: number
      records: LedgerRecords
      attempt_ages_ms: number[]
      earlier_calls_end_in_ms: number
      called_below: number[]
    }
)

export function createLedger(db: Db): Ledger {
  const ofLane = (deliveryId: string, lane: Lane) =>
    db
      .selectFrom('batch')
      .select('batch_no as batchNo')
      .where('delivery_id', '=', deliveryId)
      .where('lane', '=', lane)
      .orderBy('batch_no')

  return {
    ...createPermits(db),
    ...createSplitBudgets(db),
    async beginAttempt(batch) {
      const { rows } = await sql<BeginRow>`select * from begin_batch_attempt(
        ${batch.deliveryId}::uuid, ${batch.lane}, ${batch.batchNo}::integer,
        ${batch.planAttempt}, ${batch.bodyDigest}, ${batch.recipients}::integer, ${batch.round}::integer)`.execute(
        db,
      )
      const [row] = rows
      if (!row) {
        throw new BodiesDiffer(
          `Batch ${batch.lane}/${batch.batchNo} of delivery ${batch.deliveryId} renders other bodies than its first attempt did, or belongs to another plan. Nothing was sent; this is a defect of LFM.`,
        )
      }
      if (row.attempt_no === null)
        throw new CancelledBefore({ position: 'cancelled', seq: row.gate_seq })
      return {
        attemptNo: row.attempt_no,
        records: row.records,
        attemptAgesMs: row.attempt_ages_ms,
        earlierCallsEndInMs: row.earlier_calls_end_in_ms,
        calledBelow: row.called_below,
      }
    },
    async merge(batch, records) {
      await sql`select merge_records(${batch.deliveryId}::uuid, ${batch.lane},
        ${batch.batchNo}::integer, ${batch.attemptNo}::integer, ${JSON.stringify(records)}::jsonb)`.execute(
        db,
      )
    },
    async progress(deliveryId) {
      const row = await db
        .selectFrom('batch')
        .select((e) =>
          (['accepted', 'rejected', 'unknown', 'skipped', 'unsent'] as const).map((outcome) =>
            e.fn.coalesce(e.fn.sum<number>(outcome), e.lit(0)).as(outcome),
          ),
        )
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirstOrThrow()
      return {
        planned: 0,
        accepted: Number(row.accepted),
        rejected: Number(row.rejected),
        unknown: Number(row.unknown),
        skipped: Number(row.skipped),
        unsent: Number(row.unsent),
      }
    },
    async batches(deliveryId, lane, batchNos) {
      if (batchNos.length === 0) return []
      return db
        .selectFrom('batch')
        .select(['lane', 'batch_no as batchNo', 'attempts', 'records'])
        .where('delivery_id', '=', deliveryId)
        .where('lane', '=', lane)
        .where('batch_no', 'in', batchNos)
        .orderBy('batch_no')
        .execute()
    },
    async attempted(deliveryId, lane) {
      const rows = await ofLane(deliveryId, lane).execute()
      return rows.map(({ batchNo }) => batchNo)
    },
    async unresolved(deliveryId, lane) {
      const rows = await ofLane(deliveryId, lane)
        .where(sql<boolean>`accepted + rejected + unknown + skipped + unsent < recipients`)
        .execute()
      return rows.map(({ batchNo }) => batchNo)
    },
    async hasAccepted(deliveryId, lane) {
      const row = await ofLane(deliveryId, lane)
        .where('accepted', '>', 0)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },
    async findAccepted(lineChannelId, lane, withinMs) {
      const { rows } = await sql<AcceptedPiece>`
        select d.id as "deliveryId", r.key as name, r.value as record
        from channel c join delivery d on d.channel_id = c.id
          -- Whatever was first called within the time was merged within it.
          cross join lateral (select b.records from batch b
            where b.delivery_id = d.id and b.lane = ${lane} and b.accepted > 0
              and b.updated_at > clock_timestamp() - make_interval(secs => ${withinMs / 1000}::double precision)
            order by b.updated_at desc limit 10) latest
          cross join lateral jsonb_each(latest.records) r
        where c.line_channel_id = ${lineChannelId}
          and (d.ended_at is null
            or d.ended_at > clock_timestamp() - make_interval(secs => ${withinMs / 1000}::double precision))
          and r.value ->> 'state' = 'accepted' and (r.value ->> 'firstCallAt')::timestamptz
            > clock_timestamp() - make_interval(secs => ${withinMs / 1000}::double precision)
        limit 1`.execute(db)
      return rows[0]
    },
  }
}
