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
