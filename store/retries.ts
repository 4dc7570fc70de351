// Deliveries that retry what an ended one left undelivered: each of its recipients is given to one retry at most.
import { sql } from 'kysely'
import { v7 as uuidV7 } from 'uuid'
import { type EndState } from '../domain/delivery.ts'
import { type RetriedOutcome } from '../domain/outcome.ts'
import { type Db } from './database.ts'
import { type Delivery, readDelivery } from './delivery-row.ts'

/** What became of an order to retry. */
export type RetryStart =
  /** The delivery of this number; an order that is repeated meets the one that it made. */
  | { kind: 'started'; delivery: Delivery; isNew: boolean }
  /** Another retry has some of these recipients already: with two, somebody would be reached twice. */
  | { kind: 'taken'; delivery: Delivery; outcomes: RetriedOutcome[] }
  /** Its plan has been given up since it ended: nobody knows any more what to send to whom. */
  | { kind: 'dropped'; at: Date }

export interface Retries {
  /**
   * Makes retry `number` of a delivery that has ended, with everything pinned as it was there but Liquid's `now`.
   * @returns undefined where there is no such delivery.
   */
  start(order: {
    deliveryId: string
    number: number
    outcomes: readonly RetriedOutcome[]
    by: string
    why: string | undefined
    at: Date
  }): Promise<RetryStart | undefined>
  /**
   * Until when a key of a recipient that is `unknown` may still be alive at LINE; null where nobody is.
   * @param usableForMs how long a key is used after its first call.
   */
  keysLiveUntil(deliveryId: string, usableForMs: number): Promise<Date | null>
}

/** Ends before the first call: whom such a retry had, another one may have. */
const reachedNobody: readonly EndState[] = ['cancelled', 'failed before send']

export function createRetries(db: Db): Retries {
  async function make(
    tx: Db,
    order: Parameters<Retries['start']>[0] & { occurrence: string },
  ): Promise<Delivery> {
    const { deliveryId, outcomes, by, at } = order
    const row = await tx
      .insertInto('delivery')
      .columns([
        'id',
        'campaign_id',
        'occurrence',
        'channel_id',
        'content_id',
        'content_version',
        'segment_id',
        'segment_sql',
        'priority',
        'time_zone',
        'locale',
        'aggregation_unit',
        'pause_at_failed_share',
        'rendered_as_of',
        'state',
        'started_by',
        'retry_of',
        'retry_outcomes',
      ])
      .expression((e) =>
        e
          .selectFrom('delivery as old')
          .where('old.id', '=', deliveryId)
          .select([
            sql<string>`${uuidV7()}::uuid`.as('id'),
            'old.campaign_id',
            e.val(order.occurrence).as('occurrence'),
            'old.channel_id',
            'old.content_id',
            'old.content_version',
            'old.segment_id',
            'old.segment_sql',
            'old.priority',
            'old.time_zone',
            'old.locale',
            'old.aggregation_unit',
            'old.pause_at_failed_share',
            sql<Date>`${at}::timestamptz`.as('rendered_as_of'),
            sql<'starting'>`'starting'`.as('state'),
            e.val(by).as('started_by'),
            'old.id as retry_of',
            sql<RetriedOutcome[]>`${[...outcomes]}::text[]`.as('retry_outcomes'),
          ]),
      )
      .returningAll()
      .executeTakeFirstOrThrow()
    const why = order.why === undefined ? '' : `: ${order.why}`
    const event = (id: string, kind: string, detail: string) => ({
      delivery_id: id,
      kind,
      by_whom: by,
      detail,
    })
    await tx
      .insertInto('delivery_event')
      .values([
        event(row.id, 'started', `a retry of ${deliveryId}, over ${outcomes.join(', ')}${why}`),
        event(deliveryId, 'retried', `as ${row.id}, over ${outcomes.join(', ')}${why}`),
      ])
      .execute()
    return readDelivery(row)
  }

  return {
    start: (order) =>
      db.transaction().execute(async (tx): Promise<RetryStart | undefined> => {
        // Orders about one delivery come one after the other here, whatever process they came by.
        const old = await tx
          .selectFrom('delivery')
          .select('plan_dropped_at')
          .where('id', '=', order.deliveryId)
          .forUpdate()
          .executeTakeFirst()
        if (!old) return undefined
        const occurrence = `retry/${order.deliveryId}/${order.number}`
        const retries = await tx
          .selectFrom('delivery')
          .selectAll()
          .where('retry_of', '=', order.deliveryId)
          .orderBy('id')
          .execute()
        const same = retries.find((row) => row.occurrence === occurrence)
        if (same) return { kind: 'started', delivery: readDelivery(same), isNew: false }
        if (old.plan_dropped_at) return { kind: 'dropped', at: old.plan_dropped_at }
        for (const row of retries) {
          if (reachedNobody.some((state) => state === row.state)) continue
          const shared = order.outcomes.filter((one) => row.retry_outcomes?.includes(one))
          if (shared.length > 0)
            return { kind: 'taken', delivery: readDelivery(row), outcomes: shared }
        }
        return { kind: 'started', delivery: await make(tx, { ...order, occurrence }), isNew: true }
      }),
    async keysLiveUntil(deliveryId, usableForMs) {
      const { rows } = await sql<{ until: Date | null }>`
        select max(coalesce(r.value ->> 'firstCallAt', r.value ->> 'at')::timestamptz)
          + make_interval(secs => ${usableForMs / 1000}::double precision) as until
        from batch b, jsonb_each(b.records) r
        where b.delivery_id = ${deliveryId}::uuid and b.unknown > 0
          and r.value ->> 'state' = 'unknown'`.execute(db)
      return rows[0]?.until ?? null
    },
  }
}
