// Which deliveries' plans are needed and which may go: said here before any goes, so that no retry begins that needs one.
import { sql } from 'kysely'
import { type Db } from './database.ts'

/** A committed plan, by the name that it has in the warehouse. */
export interface NeededPlan {
  deliveryId: string
  attempt: string
}

export interface Retention {
  /** Plans of deliveries that have not ended, whatever their state, and of those that such a delivery retries. */
  needed(): Promise<NeededPlan[]>
  /**
   * Gives up the plans of deliveries that ended before the instant and that no open delivery retries, and forgets when
   * tables were changed long ago.
   * Those given up stay so, also where plans are to be kept longer from then on.
   */
  release(endedBefore: Date): Promise<void>
  /** Those of the deliveries whose plan has been given up; ids that no delivery can have are left out. */
  released(ids: readonly string[]): Promise<string[]>
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const idsAtATime = 1_000

export function createRetention(db: Db): Retention {
  return {
    needed: () =>
      db
        .selectFrom('plan')
        .innerJoin('delivery', 'delivery.id', 'plan.delivery_id')
        .select(['plan.delivery_id as deliveryId', 'plan.attempt'])
        .where((e) =>
          e.or([
            e('delivery.ended_at', 'is', null),
            e.exists(
              e
                .selectFrom('delivery as retry')
                .select('retry.id')
                .whereRef('retry.retry_of', '=', 'delivery.id')
                .where('retry.ended_at', 'is', null),
            ),
          ]),
        )
        .orderBy('plan.delivery_id')
        .execute(),
    release: (endedBefore) =>
      db.transaction().execute(async (tx) => {
        // First the locks, then the look: whoever orders a retry holds the same lock until it can be seen.
        await sql`
          select id from delivery where ended_at < ${endedBefore} and plan_dropped_at is null
          order by id for update`.execute(tx)
        await sql`
          update delivery d set plan_dropped_at = clock_timestamp()
          where ended_at < ${endedBefore} and plan_dropped_at is null
            and not exists (select from delivery r where r.retry_of = d.id and r.ended_at is null)`.execute(
          tx,
        )
        // Changes of more than a day ago count for nothing.
        await sql`
          delete from warehouse_changes
          where allowed_at[cardinality(allowed_at)] < clock_timestamp() - interval '1 day'`.execute(
          tx,
        )
      }),
    async released(ids) {
      const possible = ids.filter((id) => uuid.test(id))
      const found: string[] = []
      for (let from = 0; from < possible.length; from += idsAtATime) {
        const rows = await db
          .selectFrom('delivery')
          .select('id')
          .where('id', 'in', possible.slice(from, from + idsAtATime))
          .where('plan_dropped_at', 'is not', null)
          .execute()
        found.push(...rows.map(({ id }) => id))
      }
      return found
    },
  }
}
