// Deliveries: runs of campaigns, each started once, with the gate that every LINE call of it goes through.
import { sql } from 'kysely'
import { v7 as uuidV7 } from 'uuid'
import { type EndState, type Gate, hasEnded } from '../domain/delivery.ts'
import { type Account } from '../domain/outcome.ts'
import { type Db } from './database.ts'
import { type Delivery, type Phase, readDelivery } from './delivery-row.ts'
import { noteFailurePause } from './failures.ts'
import { type SplitPause, startSplitBudget } from './split-budget.ts'

export interface DeliveryEvent {
  id: number
  at: Date
  kind: string
  by: string | null
  detail: string | null
}

export interface Deliveries {
  /**
   * Makes the delivery of this occurrence, or finds it: two clicks meet here.
   * @returns undefined where there is no such campaign, or its segment is deleted.
   */
  start(input: {
    campaignId: string
    occurrence: string
    by: string
    at: Date
  }): Promise<{ delivery: Delivery; isNew: boolean } | undefined>
  find(id: string): Promise<Delivery | undefined>
  findOccurrence(campaignId: string, occurrence: string): Promise<Delivery | undefined>
  list(filter: { campaignId?: string | undefined; limit: number }): Promise<Delivery[]>
  /** Deliveries that have not ended. */
  listOpen(): Promise<Delivery[]>
  /**
   * Moves the gate, unless the delivery has ended, was cancelled, or stands there already.
   * In force for every permit from the moment that this resolves.
   * @returns the delivery as it is now, or undefined where there is none.
   */
  moveGate(
    id: string,
    to: Gate['position'],
    facts: {
      by: string
      why: string
      /** Move only where the gate still has this number: an order given to what the operator saw then. */
      ifSeq?: number
      /** Give a gate that is paused already a new number, so that an older order to resume is too late. */
      isRaised?: boolean
      /** So many could not be reached: noted with the move, or the resume would be followed by the same pause. */
      failed?: number
      /** What splitting has cost: noted whether the gate moves or is paused already. */
      split?: SplitPause | undefined
    },
  ): Promise<{ delivery: Delivery; isMoved: boolean } | undefined>
  /** Sets the phase; an ended delivery keeps its end. */
  setPhase(id: string, phase: Phase, reason?: string): Promise<void>
  end(
    id: string,
    state: EndState,
    facts: { account: Account | null; reason?: string },
  ): Promise<void>
  setInterrupted(id: string, isInterrupted: boolean): Promise<void>
  /** Notes that the workflow was begun again: the delivery is neither interrupted nor waits after a restore. */
  setRecovered(id: string, facts: { by: string; why: string }): Promise<void>
  /** The round in which the ledger is closed: the first that was proposed, whoever asks again. */
  closingRound(id: string, proposed: number): Promise<number>
  addEvent(id: string, kind: string, facts: { by?: string; detail?: string }): Promise<void>
  events(id: string): Promise<DeliveryEvent[]>
}

async function insertEvent(
  on: Db,
  id: string,
  kind: string,
  { by, detail }: { by?: string; detail?: string },
): Promise<void> {
  await on
    .insertInto('delivery_event')
    .values({ delivery_id: id, kind, by_whom: by ?? null, detail: detail ?? null })
    .execute()
}

export function createDeliveries(db: Db): Deliveries {
  const deliveries: Deliveries = {
    async start({ campaignId, occurrence, by, at }) {
      // With its first event, or not at all: a process may die between the two.
      const made = await db.transaction().execute(async (tx) => {
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
          ])
          .expression((e) =>
            e
              .selectFrom('campaign')
              .innerJoin('content', 'content.id', 'campaign.content_id')
              .innerJoin('segment', 'segment.id', 'campaign.segment_id')
              .where('campaign.id', '=', campaignId)
              .where('segment.deleted_at', 'is', null)
              // Whoever deletes the segment waits for this start and then sees it, or is waited for and seen.
              .forShare('segment')
              .select([
                sql<string>`${uuidV7()}::uuid`.as('id'),
                'campaign.id as campaign_id',
                e.val(occurrence).as('occurrence'),
                'campaign.channel_id',
                'campaign.content_id',
                'content.latest_version',
                'campaign.segment_id',
                'segment.sql',
                'campaign.priority',
                'campaign.time_zone',
                'campaign.locale',
                'campaign.aggregation_unit',
                'campaign.pause_at_failed_share',
                sql<Date>`${at}::timestamptz`.as('rendered_as_of'),
                sql<'starting'>`'starting'`.as('state'),
                e.val(by).as('started_by'),
              ]),
          )
          .onConflict((c) => c.constraint('delivery_occurrence_unique').doNothing())
          .returningAll()
          .executeTakeFirst()
        if (row) await insertEvent(tx, row.id, 'started', { by })
        return row
      })
      if (made) return { delivery: readDelivery(made), isNew: true }
      const found = await deliveries.findOccurrence(campaignId, occurrence)
      return found && { delivery: found, isNew: false }
    },
    async findOccurrence(campaignId, occurrence) {
      const row = await db
        .selectFrom('delivery')
        .selectAll()
        .where('campaign_id', '=', campaignId)
        .where('occurrence', '=', occurrence)
        .executeTakeFirst()
      return row && readDelivery(row)
    },
    async find(id) {
      const row = await db
        .selectFrom('delivery')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      return row && readDelivery(row)
    },
    async list({ campaignId, limit }) {
      let query = db.selectFrom('delivery').selectAll().orderBy('id', 'desc').limit(limit)
      if (campaignId !== undefined) query = query.where('campaign_id', '=', campaignId)
      return (await query.execute()).map(readDelivery)
    },
    async listOpen() {
      const rows = await db
        .selectFrom('delivery')
        .selectAll()
        .where('ended_at', 'is', null)
        .orderBy('id')
        .execute()
      return rows.map(readDelivery)
    },
    async moveGate(id, to, { by, why, ifSeq, isRaised = false, failed, split }) {
      return db.transaction().execute(async (tx) => {
        if (split) await startSplitBudget(tx, id, split)
        let move = tx
          .updateTable('delivery')
          .set((e) => ({
            gate: to,
            gate_seq: e('gate_seq', '+', 1),
            gate_by: by,
            gate_why: why,
            gate_at: sql<Date>`clock_timestamp()`,
            updated_at: sql<Date>`clock_timestamp()`,
          }))
          .where('id', '=', id)
          .where('ended_at', 'is', null)
          .where('gate', 'not in', ['cancelled', to])
        if (ifSeq !== undefined) move = move.where('gate_seq', '=', ifSeq)
        const row = await move.returningAll().executeTakeFirst()
        if (!row && isRaised) {
          await tx
            .updateTable('delivery')
            .set((e) => ({ gate_seq: e('gate_seq', '+', 1) }))
            .where('id', '=', id)
            .where('ended_at', 'is', null)
            .where('gate', '=', to)
            .execute()
        }
        if (row) {
          const kind = { open: 'resumed', paused: 'paused', cancelled: 'cancelled' }[to]
          await insertEvent(tx, id, kind, { by, detail: why })
          if (failed !== undefined) await noteFailurePause(tx, id, failed)
          return { delivery: readDelivery(row), isMoved: true }
        }
        const same = await tx
          .selectFrom('delivery')
          .selectAll()
          .where('id', '=', id)
          .executeTakeFirst()
        return same && { delivery: readDelivery(same), isMoved: false }
      })
    },
    async setPhase(id, phase, reason) {
      await db
        .updateTable('delivery')
        .set({
          state: phase,
          state_reason: reason ?? null,
          updated_at: new Date(),
          // Told again, it is the same phase still.
          phase_at: sql<Date>`case when state = ${phase} then phase_at else clock_timestamp() end`,
        })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .execute()
    },
    async end(id, state, { account, reason }) {
      if (!hasEnded(state)) throw new Error(`${String(state)} is no end of a delivery.`)
      const ended = await db
        .updateTable('delivery')
        .set({
          state,
          state_reason: reason ?? null,
          account: account && JSON.stringify(account),
          ended_at: sql<Date>`clock_timestamp()`,
          interrupted_at: null,
        })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .executeTakeFirst()
      if (ended.numUpdatedRows > 0n)
        await deliveries.addEvent(id, state, reason === undefined ? {} : { detail: reason })
    },
    async setInterrupted(id, isInterrupted) {
      const changed = await db
        .updateTable('delivery')
        .set({ interrupted_at: isInterrupted ? sql<Date>`clock_timestamp()` : null })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .where('interrupted_at', isInterrupted ? 'is' : 'is not', null)
        .executeTakeFirst()
      if (changed.numUpdatedRows > 0n)
        await deliveries.addEvent(id, isInterrupted ? 'interrupted' : 'going on', {})
    },
    async setRecovered(id, { by, why }) {
      await db
        .updateTable('delivery')
        .set({ interrupted_at: null, restored_at: null })
        .where('id', '=', id)
        .execute()
      await deliveries.addEvent(id, 'recovered', { by, detail: why })
    },
    async closingRound(id, proposed) {
      const row = await db
        .updateTable('delivery')
        .set((e) => ({ closing_round: e.fn.coalesce('closing_round', e.val(proposed)) }))
        .where('id', '=', id)
        .returning('closing_round')
        .executeTakeFirst()
      return row?.closing_round ?? proposed
    },
    addEvent: (id, kind, facts) => insertEvent(db, id, kind, facts),
    events: (id) =>
      db
        .selectFrom('delivery_event')
        .select(['id', 'at', 'kind', 'by_whom as by', 'detail'])
        .where('delivery_id', '=', id)
        .orderBy('id')
        .execute(),
  }
  return deliveries
}
