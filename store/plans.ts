// Plans: the single commit point of a frozen audience, and the pages that its batches are cut into.
import { sql } from 'kysely'
import { type Lane, lanes } from '../domain/lane.ts'
import { type AudienceCounts, type FrozenPlan, pagesOf } from '../domain/plan.ts'
import { type Db } from './database.ts'

/** A committed plan, without the sizes of its batches. */
export interface CommittedPlan {
  attempt: string
  digest: string
  audience: AudienceCounts
  requests: Record<Lane, number>
  recipients: Record<Lane, number>
}

export interface Page {
  lane: Lane
  round: number
  pageNo: number
  /** Batch numbers, ascending. */
  batches: number[]
}

export interface Plans {
  find(deliveryId: string): Promise<CommittedPlan | undefined>
  /** Commits the plan and its pages; where one is committed already, that one stays and is returned. */
  commit(deliveryId: string, plan: FrozenPlan): Promise<CommittedPlan>
  /** The highest round that has pages; 0 where only the first pass has. */
  lastRound(deliveryId: string): Promise<number>
  pageCounts(deliveryId: string, round: number): Promise<Record<Lane, number>>
  page(deliveryId: string, lane: Lane, round: number, pageNo: number): Promise<Page | undefined>
  /** Every page there is, of all rounds. */
  pages(deliveryId: string): Promise<Page[]>
  /** Makes the pages of a later round, once: where the round has pages already, these stay. */
  addRound(deliveryId: string, round: number, pages: readonly Omit<Page, 'round'>[]): Promise<void>
  /** Notes which round is next and when it is due; told again, its time begins anew. */
  setNextRound(deliveryId: string, round: number, inMs: number): Promise<void>
}

/** Rows of one insert: PostgreSQL takes 65,535 parameters, a page takes five. */
const rowsPerInsert = 1_000

export function createPlans(db: Db): Plans {
  async function insertPages(on: Db, deliveryId: string, pages: readonly Page[]): Promise<void> {
    for (let from = 0; from < pages.length; from += rowsPerInsert) {
      await on
        .insertInto('page')
        .values(
          pages.slice(from, from + rowsPerInsert).map((page) => ({
            delivery_id: deliveryId,
            lane: page.lane,
            round: page.round,
            page_no: page.pageNo,
            batches: page.batches,
          })),
        )
        .onConflict((c) => c.constraint('page_pk').doNothing())
        .execute()
    }
  }

  const plans: Plans = {
    async find(deliveryId) {
      const row = await db
        .selectFrom('plan')
        .selectAll()
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirst()
      return (
        row && {
          attempt: row.attempt,
          digest: row.digest,
          audience: row.audience,
          requests: { multicast: row.multicast_requests, push: row.push_requests },
          recipients: { multicast: row.multicast_recipients, push: row.push_recipients },
        }
      )
    },
    async commit(deliveryId, plan) {
      await db.transaction().execute(async (tx) => {
        const won = await tx
          .insertInto('plan')
          .values({
            delivery_id: deliveryId,
            attempt: plan.attempt,
            digest: plan.digest,
            audience: JSON.stringify(plan.audience),
            multicast_requests: plan.lanes.multicast.requests,
            multicast_recipients: plan.lanes.multicast.recipients,
            push_requests: plan.lanes.push.requests,
            push_recipients: plan.lanes.push.recipients,
          })
          .onConflict((c) => c.column('delivery_id').doNothing())
          .returning('attempt')
          .executeTakeFirst()
        if (!won) return
        const pages = lanes.flatMap((lane) =>
          pagesOf(plan.lanes[lane].batchRecipients).map(({ fromBatch, toBatch }, pageNo) => ({
            lane,
            round: 0,
            pageNo,
            batches: Array.from({ length: toBatch - fromBatch }, (_, i) => fromBatch + i),
          })),
        )
        await insertPages(tx, deliveryId, pages)
      })
      const committed = await plans.find(deliveryId)
      if (!committed) throw new Error(`The plan of delivery ${deliveryId} vanished.`)
      return committed
    },
    async lastRound(deliveryId) {
      const row = await db
        .selectFrom('page')
        .select((e) => e.fn.max('round').as('last'))
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirst()
      return row?.last ?? 0
    },
    async pageCounts(deliveryId, round) {
      const rows = await db
        .selectFrom('page')
        .select((e) => ['lane' as const, e.fn.countAll<number>().as('pages')])
        .where('delivery_id', '=', deliveryId)
        .where('round', '=', round)
        .groupBy('lane')
        .execute()
      const of = (lane: Lane) => rows.find((row) => row.lane === lane)?.pages ?? 0
      return { multicast: of('multicast'), push: of('push') }
    },
    page: (deliveryId, lane, round, pageNo) =>
      db
        .selectFrom('page')
        .select(['lane', 'round', 'page_no as pageNo', 'batches'])
        .where('delivery_id', '=', deliveryId)
        .where('lane', '=', lane)
        .where('round', '=', round)
        .where('page_no', '=', pageNo)
        .executeTakeFirst(),
    pages: (deliveryId) =>
      db
        .selectFrom('page')
        .select(['lane', 'round', 'page_no as pageNo', 'batches'])
        .where('delivery_id', '=', deliveryId)
        .orderBy('lane')
        .orderBy('round')
        .orderBy('page_no')
        .execute(),
    async addRound(deliveryId, round, pages) {
      await db.transaction().execute((tx) =>
        insertPages(
          tx,
          deliveryId,
          pages.map((page) => ({ ...page, round })),
        ),
      )
    },
    async setNextRound(deliveryId, round, inMs) {
      await db
        .updateTable('delivery')
        .set({
          last_round_at: sql<Date>`case when next_round = ${round} then last_round_at
            else coalesce(next_round_at, phase_at) end`,
          next_round: round,
          next_round_at: sql<Date>`clock_timestamp() + make_interval(secs => ${inMs / 1000}::double precision)`,
        })
        .where('id', '=', deliveryId)
        .where('ended_at', 'is', null)
        .execute()
    },
  }
  return plans
}
