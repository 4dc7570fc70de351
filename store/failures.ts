// Who can't be reached, delivery by delivery: how many, for which reasons, and at what number it was paused for them.
import { sql } from 'kysely'
import { type Failures } from '../domain/failures.ts'
import { type Gate } from '../domain/delivery.ts'
import { type Outcome } from '../domain/outcome.ts'
import { type Db } from './database.ts'

/** Failures of a delivery as they stand, with the gate of the same moment. */
export interface FailuresNow extends Failures {
  gate: Gate['position']
  gateSeq: number
}

/** A reason with how many recipients have it. */
export interface FailureReason {
  outcome: Outcome
  reason: string | null
  recipients: number
}

export interface FailureCounts {
  /** One row is read, whatever the delivery's size; undefined where nobody has failed or there is no plan. */
  find(deliveryId: string): Promise<FailuresNow | undefined>
  /** The most frequent reasons, most frequent first, from at most `batches` batches that have failures. */
  reasons(
    deliveryId: string,
    limits: { batches: number; reasons: number },
  ): Promise<FailureReason[]>
}

export function createFailureCounts(db: Db): FailureCounts {
  return {
    find: (deliveryId) =>
      db
        .selectFrom('failure_count')
        .innerJoin('delivery', 'delivery.id', 'failure_count.delivery_id')
        .innerJoin('plan', 'plan.delivery_id', 'failure_count.delivery_id')
        .select((e) => [
          'failure_count.failed',
          'failure_count.paused_at as pausedAt',
          'delivery.pause_at_failed_share as pauseAtShare',
          'delivery.gate',
          'delivery.gate_seq as gateSeq',
          e('plan.multicast_recipients', '+', e.ref('plan.push_recipients')).as('planned'),
        ])
        .where('failure_count.delivery_id', '=', deliveryId)
        .executeTakeFirst(),
    async reasons(deliveryId, { batches, reasons }) {
      const { rows } = await sql<FailureReason>`
        select r.value ->> 'state' as outcome, r.value ->> 'reason' as reason,
          sum((r.value ->> 'recipients')::integer)::double precision as recipients
        from (select records from batch
          where delivery_id = ${deliveryId}::uuid and rejected + skipped + unknown > 0
          order by lane, batch_no limit ${batches}) b, jsonb_each(b.records) r
        where r.value ->> 'state' in ('rejected', 'skipped', 'unknown')
        group by 1, 2 order by 3 desc, 1, 2 limit ${reasons}`.execute(db)
      return rows
    },
  }
}

/** Notes that the delivery was paused at so many. */
export async function noteFailurePause(on: Db, deliveryId: string, failed: number): Promise<void> {
  await on
    .updateTable('failure_count')
    .set({ paused_at: failed })
    .where('delivery_id', '=', deliveryId)
    .execute()
}
