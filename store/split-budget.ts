// What splitting refused requests has cost a delivery, and from when its budget counts.
import { sql } from 'kysely'
import { type Lane } from '../domain/lane.ts'
import { type Db } from './database.ts'

export interface SplitCost {
  /** Calls that the splits on record cost, each counted before it is made. */
  calls: number
  /** What they had cost when splitting last paused the delivery; 0 where it never has. */
  callsBefore: number
  /** Recipients of the lane whom LINE has refused so far. */
  rejected: number
  /** Requests refused as a whole that the delivery was paused for already. */
  wholeRequests: number[]
}

export interface SplitBudgets {
  splitCost(deliveryId: string, lane: Lane): Promise<SplitCost>
  /** Calls that splitting has cost on both lanes. */
  splitCalls(deliveryId: string): Promise<number>
}

/** What splitting had cost a lane when the delivery was paused for it. */
export interface SplitPause {
  lane: Lane
  calls: number
  wholeRequests: readonly number[]
}

/** Notes that the delivery was paused for it: the budget counts anew from these calls, and no request pauses twice. */
export async function startSplitBudget(
  on: Db,
  deliveryId: string,
  { lane, calls, wholeRequests }: SplitPause,
): Promise<void> {
  await sql`insert into split_budget (delivery_id, lane, calls_before, whole_requests)
    values (${deliveryId}::uuid, ${lane}, ${calls}::integer, ${[...wholeRequests]}::integer[])
    on conflict on constraint split_budget_pk do update set
      calls_before = greatest(split_budget.calls_before, excluded.calls_before),
      whole_requests = split_budget.whole_requests || excluded.whole_requests`.execute(on)
}

export function createSplitBudgets(db: Db): SplitBudgets {
  return {
    async splitCost(deliveryId, lane) {
      const sums = await db
        .selectFrom('batch')
        .select((e) => [
          e.fn.coalesce(e.fn.sum<number>('split_calls'), e.lit(0)).as('calls'),
          e.fn.coalesce(e.fn.sum<number>('rejected'), e.lit(0)).as('rejected'),
        ])
        .where('delivery_id', '=', deliveryId)
        .where('lane', '=', lane)
        .executeTakeFirstOrThrow()
      const budget = await db
        .selectFrom('split_budget')
        .select(['calls_before', 'whole_requests'])
        .where('delivery_id', '=', deliveryId)
        .where('lane', '=', lane)
        .executeTakeFirst()
      return {
        calls: Number(sums.calls),
        callsBefore: budget?.calls_before ?? 0,
        rejected: Number(sums.rejected),
        wholeRequests: budget?.whole_requests ?? [],
      }
    },
    async splitCalls(deliveryId) {
      const row = await db
        .selectFrom('batch')
        .select((e) => e.fn.coalesce(e.fn.sum<number>('split_calls'), e.lit(0)).as('calls'))
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirstOrThrow()
      return Number(row.calls)
    },
  }
}
