// What a warehouse that bills its work took for each delivery, job by job.
import { sql } from 'kysely'
import { type Db } from './database.ts'

/** What one job took. */
export interface WarehouseJob {
  jobId: string
  /** What it was in the life of the delivery, such as `segment`. */
  step: string
  bytesProcessed: number
  bytesBilled: number
  slotMs: number
}

/** What all jobs of a delivery took together. */
export type WarehouseUsage = Record<'jobs' | 'bytesProcessed' | 'bytesBilled' | 'slotMs', number>

export interface WarehouseUsages {
  /** Keeps it; of a job that is told again the greatest numbers stay. Nothing is kept of a delivery that is not here. */
  note(deliveryId: string, job: WarehouseJob): Promise<void>
  /** Undefined where no job was noted, as in a warehouse that has none. */
  of(deliveryId: string): Promise<WarehouseUsage | undefined>
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function createWarehouseUsages(db: Db): WarehouseUsages {
  return {
    async note(deliveryId, { jobId, step, bytesProcessed, bytesBilled, slotMs }) {
      if (!uuid.test(deliveryId)) return
      await sql`
        insert into warehouse_job (job_id, delivery_id, step, bytes_processed, bytes_billed, slot_ms)
        select ${jobId}, id, ${step}, ${bytesProcessed}::bigint, ${bytesBilled}::bigint, ${slotMs}::bigint
        from delivery where id = ${deliveryId}::uuid
        on conflict (job_id) do update set
          bytes_processed = greatest(warehouse_job.bytes_processed, excluded.bytes_processed),
          bytes_billed = greatest(warehouse_job.bytes_billed, excluded.bytes_billed),
          slot_ms = greatest(warehouse_job.slot_ms, excluded.slot_ms)`.execute(db)
    },
    async of(deliveryId) {
      const { rows } = await sql<WarehouseUsage>`
        select count(*)::double precision as jobs,
          coalesce(sum(bytes_processed), 0)::double precision as "bytesProcessed",
          coalesce(sum(bytes_billed), 0)::double precision as "bytesBilled",
          coalesce(sum(slot_ms), 0)::double precision as "slotMs"
        from warehouse_job where delivery_id = ${deliveryId}::uuid`.execute(db)
      const [usage] = rows
      return usage && usage.jobs > 0 ? usage : undefined
    },
  }
}
