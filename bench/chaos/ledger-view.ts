// What PostgreSQL holds of the run's delivery, read from outside and besides the product.
import pg from 'pg'

export interface LedgerSums {
  /** Recipients with an outcome. */
  settled: number
  /** Batches whose recipients all have one. */
  wholeBatches: number
  accepted: number
  /** Of attempted batches. */
  recipients: number
  /** Recipients of attempted batches who have no outcome yet. */
  open: number
}

export interface LedgerView {
  requests(deliveryId: string): Promise<{ multicast: number; push: number } | undefined>
  state(deliveryId: string): Promise<string | undefined>
  sums(deliveryId: string): Promise<LedgerSums>
  /** At most so many recipients have no outcome and a request that some permit was for. */
  doubtful(deliveryId: string): Promise<number>
  /** Attempts of batches so far. */
  attempts(deliveryId: string): Promise<number>
  close(): Promise<void>
}

/** Every question fails while PostgreSQL is away; the asker asks again. */
export function createLedgerView(databaseUrl: string): LedgerView {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 3,
    connectionTimeoutMillis: 2_000,
    application_name: 'chaos',
  })
  pool.on('error', () => undefined)
  async function rows(sql: string, deliveryId: string): Promise<Record<string, unknown>[]> {
    const result = await pool.query<Record<string, unknown>>(sql, [deliveryId])
    return result.rows
  }
  return {
    async requests(deliveryId) {
      const [plan] = await rows(
        'select multicast_requests, push_requests from plan where delivery_id = $1',
        deliveryId,
      )
      return (
        plan && { multicast: Number(plan.multicast_requests), push: Number(plan.push_requests) }
      )
    },
    async state(deliveryId) {
      const [delivery] = await rows('select state from delivery where id = $1', deliveryId)
      return delivery && String(delivery.state)
    },
    async sums(deliveryId) {
      const [sums] = await rows(
        `select coalesce(sum(settled), 0) as settled, count(*) filter (where settled = recipients) as whole,
           coalesce(sum(accepted), 0) as accepted, coalesce(sum(recipients), 0) as recipients,
           coalesce(sum(recipients - settled), 0) as open
         from (select recipients, accepted, accepted + rejected + unknown + skipped + unsent as settled
               from batch where delivery_id = $1) as batches`,
        deliveryId,
      )
      return {
        settled: Number(sums?.settled),
        wholeBatches: Number(sums?.whole),
        accepted: Number(sums?.accepted),
        recipients: Number(sums?.recipients),
        open: Number(sums?.open),
      }
    },
    async doubtful(deliveryId) {
      const [sum] = await rows(
        `with permitted as (
           select b.lane, b.records, b.batch_no * l.size as first, a.below,
             l.size, l.most
           from batch b
             join (values ('multicast', 20, 500), ('push', 500, 1)) l (lane, size, most) using (lane)
             cross join lateral (select max(called_below) as below from batch_attempt a
               where a.delivery_id = b.delivery_id and a.lane = b.lane and a.batch_no = b.batch_no) a
           where b.delivery_id = $1)
         select coalesce(sum(greatest(0, most - coalesce((
             select sum((r.value ->> 'recipients')::integer) from jsonb_each(records) r
             where split_part(r.key, '/', 1) = n::text
               and r.value ->> 'state' not in ('in-doubt', 'not-accepted', 'split')), 0))), 0) as doubtful
         from permitted cross join lateral generate_series(first, least(first + size, below) - 1) n`,
        deliveryId,
      )
      return Number(sum?.doubtful)
    },
    async attempts(deliveryId) {
      const [sum] = await rows(
        'select coalesce(sum(attempts), 0) as attempts from batch where delivery_id = $1',
        deliveryId,
      )
      return Number(sum?.attempts)
    },
    close: () => pool.end(),
  }
}
