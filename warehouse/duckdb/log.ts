// delivery_log: one row a recipient, made from plan and parts when a delivery ends, and read back by outcome.
import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Outcome } from '../../domain/outcome.ts'
import { type DeliveryFacts } from '../port.ts'
import { asText, numbers, run, type Engine } from './engine.ts'
import { filesIn, placeFile, sweepHalfMade, type Layout } from './layout.ts'
import { partsRelation } from './parts.ts'
import { readPlan } from './plan.ts'
import { parquet, text } from './sql-text.ts'
import { stretchesOf, within, type Stretch } from './stretches.ts'
import { logColumns } from './own-tables.ts'

const idsAtATime = 10_000
/** Its rows are in no order: kept in one, DuckDB would hold back 100 MB of a million of them, and take longer. */
const logFormat = 'FORMAT parquet, ROW_GROUP_SIZE 20480, PRESERVE_ORDER false'

interface LogDeps {
  engine: Engine
  layout: Layout
}

/**
 * Writes the delivery's file of `delivery_log`, and replaces an earlier one of it.
 * Recipients without an outcome are not in it; `reconcile` finds them.
 * @throws Error when the attempt has no plan here.
 */
export async function materialiseLog(
  { engine, layout }: LogDeps,
  facts: DeliveryFacts,
): Promise<{ rows: number }> {
  const folder = layout.plan(facts.deliveryId, facts.attempt)
  const plan = await readPlan(folder)
  if (!plan)
    throw new Error(
      `Delivery ${facts.deliveryId} has no plan of attempt ${facts.attempt} to make its log from.`,
    )
  const parts = await partsRelation(layout, facts.deliveryId)
  const stretches = await stretchesOf(plan, folder)
  const target = layout.log(facts.deliveryId)
  const pieces = join(engine.scratch, `log-${facts.deliveryId}-${facts.attempt}`)
  return engine.heavy(async (connection) => {
    await mkdir(pieces, { recursive: true })
    try {
      // Piece by piece, for one join over a whole push lane does not fit into memory.
      for (const [index, stretch] of stretches.entries()) {
        const piece = join(pieces, `${String(index).padStart(6, '0')}.parquet`)
        await run(
          connection,
          `COPY (${logRows(stretch, parts, facts)}) TO ${text(piece)} (${logFormat})`,
        )
      }
      const all = parquet(await filesIn(pieces, '.parquet'))
      await placeFile(target, (path) =>
        run(connection, `COPY (FROM ${all}) TO ${text(path)} (${logFormat})`),
      )
    } finally {
      await rm(pieces, { recursive: true, force: true })
    }
    // The last that is written of a delivery.
    await sweepHalfMade(layout.parts(facts.deliveryId))
    await sweepHalfMade(layout.logs, basename(target))
    const [count = 0] = await numbers(connection, `SELECT count(*) FROM ${parquet([target])}`)
    return { rows: count }
  })
}

function logRows(stretch: Stretch, parts: string, facts: DeliveryFacts): string {
  const values: Readonly<Record<string, string>> = {
    delivery_id: text(facts.deliveryId),
    campaign_id: text(facts.campaignId),
    channel_id: text(facts.channelId),
    lane: text(stretch.lane),
  }
  const columns = Object.entries(logColumns).map(
    ([column, type]) => `CAST(${values[column] ?? column} AS ${type}) AS ${column}`,
  )
  return `
    SELECT ${columns.join(', ')}
    FROM ${stretch.plan} AS planned
    JOIN (SELECT * EXCLUDE (lane) FROM ${parts} WHERE lane = '${stretch.lane}' AND ${within(stretch)}) AS told
      USING (request_no)
    WHERE ordinal >= from_ordinal AND ordinal < to_ordinal`
}

/**
 * User ids of one outcome, some ten thousand at a time, each id once.
 * @throws Error when the delivery's log has not been made.
 */
export async function* recipients(
  { engine, layout }: LogDeps,
  deliveryId: string,
  outcome: Outcome,
): AsyncGenerator<string[]> {
  const path = layout.log(deliveryId)
  if (!(await filesIn(layout.logs, '.parquet')).includes(path))
    throw new Error(
      `Delivery ${deliveryId} has no delivery_log; it is made when the delivery ends, and may be removed after LFM_KEEP_LOGS_DAYS.`,
    )
  const connection = await engine.connect()
  try {
    const result = await connection.stream(
      `SELECT user_id FROM ${parquet([path])} WHERE outcome = ${text(outcome)}`,
    )
    let ids: string[] = []
    for (;;) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      for (const id of chunk.getColumnValues(0)) ids.push(asText(id))
      if (ids.length >= idsAtATime) {
        yield ids
        ids = []
      }
    }
    if (ids.length > 0) yield ids
  } finally {
    connection.closeSync()
  }
}
