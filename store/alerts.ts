// Alerts: at most one of a kind is open for a delivery, whoever raises it, and each is sent on once.
import { sql } from 'kysely'
import { type AlertKind, type Finding } from '../domain/alert.ts'
import { type Db } from './database.ts'

export interface OpenAlert extends Finding {
  raisedAt: Date
}

/** An alert as it is sent on. */
export interface AlertToSend extends OpenAlert {
  id: number
  deliveryId: string
  campaignId: string
}

export interface Alerts {
  /** The alerts that are open for a delivery, oldest first. */
  open(deliveryId: string): Promise<OpenAlert[]>
  /**
   * Brings the open alerts in step with what is found: raises what is new, clears what is over.
   * @returns what was raised and cleared by this call.
   */
  settle(
    deliveryId: string,
    findings: readonly Finding[],
  ): Promise<{ raised: Finding[]; cleared: AlertKind[] }>
  /** Clears what is still open for deliveries that have ended; how many these were. */
  clearEnded(): Promise<number>
  /** Open alerts by kind. */
  countOpen(): Promise<Partial<Record<AlertKind, number>>>
  /** Takes an alert that is to be sent, if there is one; nobody else gets it for `forMs`. */
  takeToSend(times: { most: number; forMs: number }): Promise<AlertToSend | undefined>
  setSent(id: number): Promise<void>
  /** Takes or keeps the watch over alerts for so long; false where another process has it. */
  keepWatch(holder: string, forMs: number): Promise<boolean>
}

const openAlerts = (db: Db, deliveryId: string) =>
  db
    .selectFrom('alert')
    .select(['kind', 'detail', 'since', 'raised_at as raisedAt'])
    .where('delivery_id', '=', deliveryId)
    .where('cleared_at', 'is', null)

export function createAlerts(db: Db): Alerts {
  const say = (on: Db, deliveryId: string, kind: string, detail: string) =>
    on
      .insertInto('delivery_event')
      .values({ delivery_id: deliveryId, kind, by_whom: 'LFM', detail })
      .execute()

  async function clear(on: Db, deliveryId: string, kind: AlertKind): Promise<boolean> {
    const cleared = await on
      .updateTable('alert')
      .set({ cleared_at: sql<Date>`clock_timestamp()` })
      .where('delivery_id', '=', deliveryId)
      .where('kind', '=', kind)
      .where('cleared_at', 'is', null)
      .executeTakeFirst()
    if (cleared.numUpdatedRows === 0n) return false
    await say(on, deliveryId, 'alert cleared', kind)
    return true
  }

  /** Whether it is the same trouble still: another pause by LFM is another alert. */
  const isSame = (one: Finding, other: Finding) =>
    one.kind === other.kind &&
    (one.kind !== 'paused-by-lfm' || one.since.getTime() === other.since.getTime())

  return {
    open: (deliveryId) => openAlerts(db, deliveryId).orderBy('id').execute(),
    async settle(deliveryId, findings) {
      const known = await openAlerts(db, deliveryId).execute()
      const over = known.filter((alert) => !findings.some((found) => isSame(found, alert)))
      const isNews = (found: Finding) => !known.some((alert) => isSame(found, alert))
      const isOtherwise = ({ kind, detail }: Finding) =>
        known.some((alert) => alert.kind === kind && alert.detail !== detail)
      // What it waits for may change while it is open; that is no new alert.
      for (const { kind, detail } of findings.filter(isOtherwise))
        await db
          .updateTable('alert')
          .set({ detail })
          .where('delivery_id', '=', deliveryId)
          .where('kind', '=', kind)
          .where('cleared_at', 'is', null)
          .execute()
      if (over.length === 0 && !findings.some(isNews)) return { raised: [], cleared: [] }
      return db.transaction().execute(async (tx) => {
        const cleared: AlertKind[] = []
        for (const { kind } of over) if (await clear(tx, deliveryId, kind)) cleared.push(kind)
        const raised: Finding[] = []
        for (const found of findings.filter(isNews)) {
          const made = await tx
            .insertInto('alert')
            .values({ delivery_id: deliveryId, ...found })
            .onConflict((c) =>
              c.columns(['delivery_id', 'kind']).where('cleared_at', 'is', null).doNothing(),
            )
            .returning('id')
            .executeTakeFirst()
          if (!made) continue
          raised.push(found)
          await say(tx, deliveryId, 'alert raised', `${found.kind}: waits for ${found.detail}`)
        }
        return { raised, cleared }
      })
    },
    async clearEnded() {
      const ended = await db
        .selectFrom('alert')
        .innerJoin('delivery', 'delivery.id', 'alert.delivery_id')
        .select(['alert.delivery_id as deliveryId', 'alert.kind'])
        .where('cleared_at', 'is', null)
        .where('ended_at', 'is not', null)
        .execute()
      for (const { deliveryId, kind } of ended)
        await db.transaction().execute((tx) => clear(tx, deliveryId, kind))
      return ended.length
    },
    async countOpen() {
      const rows = await db
        .selectFrom('alert')
        .select((e) => ['kind', e.fn.countAll<number>().as('alerts')])
        .where('cleared_at', 'is', null)
        .groupBy('kind')
        .execute()
      return Object.fromEntries(rows.map(({ kind, alerts }) => [kind, alerts]))
    },
    async takeToSend({ most, forMs }) {
      const { rows } = await sql<AlertToSend>`
        update alert a set send_tries = send_tries + 1,
          send_after = clock_timestamp() + make_interval(secs => ${forMs / 1000}::double precision)
        from delivery d
        where d.id = a.delivery_id and a.id = (
          select x.id from alert x
          where x.sent_at is null and x.cleared_at is null and x.send_tries < ${most}
            and x.send_after <= clock_timestamp()
          order by x.id limit 1 for update skip locked)
        returning a.id, a.delivery_id as "deliveryId", d.campaign_id as "campaignId", a.kind, a.detail, a.since,
          a.raised_at as "raisedAt"`.execute(db)
      return rows[0]
    },
    async setSent(id) {
      await db
        .updateTable('alert')
        .set({ sent_at: sql<Date>`clock_timestamp()` })
        .where('id', '=', id)
        .execute()
    },
    async keepWatch(holder, forMs) {
      const until = sql<Date>`clock_timestamp() + make_interval(secs => ${forMs / 1000}::double precision)`
      const kept = await db
        .insertInto('alert_watch')
        .values({ holder, held_until: until })
        .onConflict((c) =>
          c
            .column('only_one')
            .doUpdateSet({ holder, held_until: until })
            .where((e) =>
              e.or([
                e('alert_watch.holder', '=', holder),
                e('alert_watch.held_until', '<', sql<Date>`clock_timestamp()`),
              ]),
            ),
        )
        .returning('holder')
        .executeTakeFirst()
      return kept !== undefined
    },
  }
}
