// The warehouse on BigQuery: segments run where the company's data lies, and every step is a job found again by its id.
import { type Warehouse } from '../port.ts'
import { connect, type ConnectionOptions } from './client.ts'
import { writeClicks, writeFriendEvents } from './events.ts'
import { freeze, freezeRetry } from './freeze.ts'
import { inspectSegment } from './inspect.ts'
import { whileAllowed } from './gone.ts'
import { type OnUsage } from './job.ts'
import { createJobs } from './jobs.ts'
import { dropList, inspectList, writeList } from './lists.ts'
import { createLoads, type NextChange } from './loads.ts'
import { materialiseLog, recipients } from './log.ts'
import { malformedIds } from './malformed.ts'
import { outcomesTable } from './names.ts'
import { createOwnTables } from './own-tables.ts'
import { dropOtherParts, writePart, writeUnsent } from './parts.ts'
import { createPlans } from './plan.ts'
import { createReader, type ReadBy } from './read.ts'
import { reconcile } from './reconcile.ts'
import { dropDelivery, dropLogsBefore, dropOtherAttempts, heldDeliveries } from './retention.ts'
import { createTables } from './tables.ts'

/** What a BigQuery warehouse is made from. */
export interface BigQueryWarehouseOptions extends ConnectionOptions {
  /** Most bytes that one query may be billed for; a segment over it is refused. */
  maximumBytesBilled: number
  /** Days after a delivery's tables were last kept that they expire, 2 or more. Default 30. */
  keepDays?: number
  /** Milliseconds since 1970, by which the ends of tables are reckoned. Default the machine's clock. */
  now?: () => number
  /** Default `list`. */
  readBy?: ReadBy
  /** Told of what each job of a delivery took, again where it is found again; must not reject. */
  onUsage?: OnUsage | undefined
  /** By which loads keep to the limits of a table. Default counts those of this process alone. */
  nextChange?: NextChange | undefined
}

/** Opens the warehouse; nothing is called before the first use. Any number of processes may have it open. */
export function createBigQueryWarehouse(options: BigQueryWarehouseOptions): Warehouse {
  const { maximumBytesBilled, readBy = 'list', keepDays = 30, now, onUsage, nextChange } = options
  const connection = connect(options)
  const jobs = createJobs({ connection, maximumBytesBilled, onUsage })
  const tables = createTables(connection, keepDays, now)
  const plans = createPlans(tables)
  const loads = createLoads({ connection, jobs, tables, nextChange })
  const reader = createReader({ connection, jobs, plans, readBy })
  const ensureOwnTables = createOwnTables({ connection, jobs, tables })
  const { dataset, location } = connection
  const place = { dataset, location, maximumBytesBilled, tables }
  const deps = { connection, jobs, tables, plans, loads, place }

  /** Work that reads or writes what is ours in the dataset. */
  async function prepared<T>(work: () => Promise<T>): Promise<T> {
    await ensureOwnTables()
    return work()
  }

  return {
    dialect: 'bigquery',
    resumesFreeze: true,
    inspectSegment: (sql, variables) => prepared(() => inspectSegment(deps, sql, variables)),
    async freeze(request, signal) {
      signal?.throwIfAborted()
      return prepared(() => freeze(deps, request, signal))
    },
    async freezeRetry(request, signal) {
      signal?.throwIfAborted()
      return prepared(() => freezeRetry(deps, request, signal))
    },
    readRequests: (range, work) => whileAllowed(() => reader.readRequests(range, work)),
    writePart: (part, chunks, work) => whileAllowed(() => writePart(deps, part, chunks, work)),
    writeUnsent: (part, attempt, ranges, facts, work) =>
      whileAllowed(() => writeUnsent(deps, part, attempt, ranges, facts, work)),
    dropOtherParts: (deliveryId, kept, work) =>
      whileAllowed(() => dropOtherParts(deps, deliveryId, kept, work)),
    reconcile: (deliveryId, attempt, work) =>
      whileAllowed(() => reconcile(deps, deliveryId, attempt, work)),
    materialiseLog: (facts, work) =>
      whileAllowed(() => prepared(() => materialiseLog(deps, facts, work))),
    recipients: (deliveryId, outcome, work) => recipients(deps, deliveryId, outcome, work),
    malformedIds: (deliveryId, attempt, limit, work) =>
      malformedIds(deps, deliveryId, attempt, limit, work),
    dropOtherAttempts: (deliveryId, attempt) => {
      plans.forget(deliveryId)
      reader.forget(deliveryId)
      return dropOtherAttempts(tables, deliveryId, attempt)
    },
    writeClicks: (part, rows) => prepared(() => writeClicks(deps, part, rows)),
    writeFriendEvents: (part, rows) => prepared(() => writeFriendEvents(deps, part, rows)),
    writeList: (listId, columns, rows) => writeList(deps, listId, columns, rows),
    inspectList: (listId) => inspectList(deps, listId),
    dropList: (listId) => dropList(deps, listId),
    async keepDelivery(deliveryId, attempt, signal) {
      await plans.keep(deliveryId, attempt, signal)
      await tables.keep(outcomesTable(deliveryId), signal)
    },
    heldDeliveries: () => heldDeliveries(tables),
    dropDelivery: (deliveryId) => {
      plans.forget(deliveryId)
      reader.forget(deliveryId)
      return dropDelivery(tables, deliveryId)
    },
    dropLogsBefore: (day) => prepared(() => dropLogsBefore(deps, day)),
    close: () => loads.close(),
  }
}
