// When each table of the warehouse was changed, by whichever worker, so that all of them keep to one limit.
import { sql } from 'kysely'
import { type ChangeLimit } from '../domain/change-limit.ts'
import { type Db } from './database.ts'

export interface WarehouseChanges {
  /**
   * Keeps the next change of the table for the asker.
   * @returns milliseconds until it may begin, 0 for now. Later askers get later moments.
   */
  next(table: string, limit: ChangeLimit): Promise<number>
}

export function createWarehouseChanges(db: Db): WarehouseChanges {
  return {
    async next(table, { burst, burstMs, beforeSlow, slowMs }) {
      const { rows } = await sql<{ wait_ms: number }>`
        select next_warehouse_change(${table}, ${burst}::integer, ${burstMs}::double precision,
          ${beforeSlow}::integer, ${slowMs}::double precision) as wait_ms`.execute(db)
      const [row] = rows
      if (!row) throw new Error('PostgreSQL answered nothing for the next change of a table.')
      return row.wait_ms
    },
  }
}
