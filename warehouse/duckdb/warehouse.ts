// The embedded warehouse: immutable Parquet files in the data folder, read and written by DuckDB in this process.
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Warehouse } from '../port.ts'
import { asText, createEngine, rows } from './engine.ts'
import { writeClicks, writeFriendEvents } from './events.ts'
import { freeze, freezeRetry } from './freeze.ts'
import { inspectSegment } from './inspect.ts'
import { createLayout, isCode } from './layout.ts'
import { dropList, inspectList, writeList } from './lists.ts'
import { materialiseLog, recipients } from './log.ts'
import { segmentFile } from './plan.ts'
import { dropOtherParts, writePart, writeUnsent } from './parts.ts'
import { readRequests } from './read.ts'
import { reconcile } from './reconcile.ts'
import { dropDelivery, dropLogsBefore, heldDeliveries } from './retention.ts'
import { sealed } from './sealed.ts'
import { parquet } from './sql-text.ts'

/** What the embedded warehouse is made from. */
export interface DuckDbWarehouseOptions {
  /** The data folder; `tables/` in it is the user's, `warehouse/` is ours. */
  dataDir: string
  /** DuckDB's memory limit, for our statements and again for a user's segment while it runs. Default 128MB. */
  memoryLimit?: string
  /** DuckDB's threads. Default 2. */
  threads?: number
}

/**
 * Opens the warehouse of a data folder; nothing is read before the first use.
 * Any number of processes may have the same folder open, for no file in it ever changes.
 */
export function createDuckDbWarehouse(options: DuckDbWarehouseOptions): Warehouse {
  const { memoryLimit = '128MB', threads = 2 } = options
  const layout = createLayout(resolve(options.dataDir))
  const engine = createEngine({ tmp: layout.tmp, memoryLimit, threads })
  const sealing = { layout, scratch: engine.scratch, memoryLimit, threads }
  const deps = { engine, layout, sealing }
  return {
    dialect: 'duckdb',
    // Tries of one name would race to one folder, and one that wakes up late could fill a folder that is only away.
    resumesFreeze: false,
    inspectSegment: (sql, variables) =>
      sealed(sealing, (connection, tables) => inspectSegment(connection, sql, variables, tables)),
    freeze: (request, signal) => freeze(deps, request, signal),
    freezeRetry: (request, signal) => freezeRetry(deps, request, signal),
    readRequests: (range) => readRequests(deps, range),
    writePart: (part, chunks) => writePart(deps, part, chunks),
    writeUnsent: (part, attempt, ranges, facts) => writeUnsent(deps, part, attempt, ranges, facts),
    dropOtherParts: (deliveryId, kept) => dropOtherParts(deps, deliveryId, kept),
    reconcile: (deliveryId, attempt) => reconcile(deps, deliveryId, attempt),
    materialiseLog: (facts) => materialiseLog(deps, facts),
    recipients: (deliveryId, outcome) => recipients(deps, deliveryId, outcome),

    async malformedIds(deliveryId, attempt, limit) {
      const segment = parquet([segmentFile(layout.plan(deliveryId, attempt))])
      const found = await engine.read((connection) =>
        rows(
          connection,
          `SELECT coalesce(user_id, 'NULL') FROM ${segment} WHERE NOT is_well_formed
           ORDER BY user_id NULLS LAST LIMIT ${Math.max(0, Math.floor(limit))}`,
        ),
      )
      return found.map(([userId]) => asText(userId))
    },

    async dropOtherAttempts(deliveryId, attempt) {
      const folder = layout.plans(deliveryId)
      const entries = await readdir(folder).catch((error: unknown) => {
        if (isCode(error, 'ENOENT')) return []
        throw error
      })
      // Half-made ones go as well: who still writes one has lost, and finds out by an error.
      for (const entry of entries)
        if (entry !== attempt) await rm(join(folder, entry), { recursive: true, force: true })
    },

    writeClicks: (part, chunks) => writeClicks(deps, part, chunks),
    writeFriendEvents: (part, chunks) => writeFriendEvents(deps, part, chunks),
    writeList: (listId, columns, chunks) => writeList(deps, listId, columns, chunks),
    inspectList: (listId) => inspectList(deps, listId),
    dropList: (listId) => dropList(deps, listId),
    // Files don't end by themselves.
    keepDelivery: () => Promise.resolve(),
    heldDeliveries: () => heldDeliveries(layout),
    dropDelivery: (deliveryId) => dropDelivery(layout, deliveryId),
    dropLogsBefore: (day) => dropLogsBefore(deps, day),

    close: () => engine.close(),
  }
}
