// Removes what has been kept long enough: attempts that lost, plans and parts of ended deliveries, and old logs.
import { type Connection } from './client.ts'
import { type Jobs } from './jobs.ts'
import { randomUUID } from 'node:crypto'
import { attemptTables, logTable, outcomesTable, workingPrefix, workingTables } from './names.ts'
import { clickTable } from './own-tables.ts'
import { type Tables } from './tables.ts'

/** Removes the tables of every attempt of the delivery but this one. */
export async function dropOtherAttempts(
  tables: Tables,
  deliveryId: string,
  attempt: string | undefined,
): Promise<void> {
  const all = await tables.named(workingPrefix)
  for (const kind of workingTables) {
    const prefix = attemptTables(kind, deliveryId)
    for (const table of all)
      if (table.startsWith(prefix) && table !== `${prefix}${attempt ?? ''}`)
        await tables.drop(table)
  }
}

/** Removes all plans and parts of a delivery. */
export async function dropDelivery(tables: Tables, deliveryId: string): Promise<void> {
  await dropOtherAttempts(tables, deliveryId, undefined)
  await tables.drop(outcomesTable(deliveryId))
}

/** Deliveries of which there are plans or parts. */
export async function heldDeliveries(tables: Tables): Promise<string[]> {
  const kinds = workingTables.join('|')
  const plan = new RegExp(`^${workingPrefix}(?:${kinds})_(.+?)__`)
  const parts = new RegExp(`^${workingPrefix}outcomes_(.+)$`)
  const held = (await tables.named(workingPrefix)).flatMap((table) => {
    const id = (plan.exec(table) ?? parts.exec(table))?.[1]
    return id === undefined ? [] : [id]
  })
  return [...new Set(held)]
}

/** Removes rows of `delivery_log` and `click_log` from before the day; whole partitions go without being read. */
export async function dropLogsBefore(
  { connection, jobs }: { connection: Connection; jobs: Jobs },
  day: string,
): Promise<void> {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new Error(`${day} is no day such as 2026-11-22.`)
  const logs = [
    [logTable, 'outcome_at'],
    [clickTable, 'clicked_at'],
  ] as const
  for (const [table, instant] of logs)
    await jobs.run({
      id: ['drop-before', day, table, randomUUID()],
      step: 'drop-before',
      query: {
        query: `DELETE FROM ${connection.named(table)} WHERE ${instant} < TIMESTAMP('${day}')`,
      },
    })
}
