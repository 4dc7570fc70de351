// Gathers the audience of a retry: recipients of an ended delivery by outcome, with the variables frozen then.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RetryFreezeRequest } from '../port.ts'
import { numbers, run, type Engine } from './engine.ts'
import { filesIn, type Layout } from './layout.ts'
import { readPlan, segmentFile } from './plan.ts'
import { parquet, text } from './sql-text.ts'
import { stretchesOf, within } from './stretches.ts'

/**
 * Writes the rows of the retry into `folder`, where a segment's rows would be.
 * @throws Error unless plan and log of the earlier delivery are there, and hold exactly as many as its account says.
 */
export async function gatherEarlier(
  { engine, layout }: { engine: Engine; layout: Layout },
  { earlier, outcomes, recipients }: RetryFreezeRequest,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const planFolder = layout.plan(earlier.deliveryId, earlier.attempt)
  const plan = await readPlan(planFolder)
  const log = layout.log(earlier.deliveryId)
  if (!plan || !(await filesIn(layout.logs, '.parquet')).includes(log))
    throw new Error(
      `Delivery ${earlier.deliveryId} lacks its ${plan ? 'delivery_log' : 'plan'} in the warehouse; it can't be retried without.`,
    )
  const stretches = await stretchesOf(plan, planFolder)
  const wanted = outcomes.map(text).join(', ')
  const scratch = join(folder, '.earlier')
  await mkdir(scratch, { recursive: true })
  await engine.heavy(async (connection) => {
    // Piece by piece, as the log was made: one join over a whole lane does not fit into memory.
    for (const [index, stretch] of stretches.entries())
      await run(
        connection,
        `COPY (
           SELECT user_id, variables, true AS is_well_formed FROM ${stretch.plan} AS planned
           JOIN (SELECT request_no, ordinal, user_id FROM ${parquet([log])}
             WHERE lane = '${stretch.lane}' AND ${within(stretch)} AND outcome IN (${wanted})) AS told
             USING (request_no, ordinal, user_id))
         TO ${text(join(scratch, `${String(index).padStart(6, '0')}.parquet`))} (FORMAT parquet, ROW_GROUP_SIZE 20480)`,
        signal,
      )
    const pieces = parquet(await filesIn(scratch, '.parquet'))
    const [found = 0] = await numbers(connection, `SELECT count(*) FROM ${pieces}`, signal)
    if (found !== recipients)
      throw new Error(
        `Of delivery ${earlier.deliveryId} the warehouse has ${found} recipients that are ${outcomes.join(' or ')}; its account has ${recipients}.`,
      )
    // In no order, as in `materialiseLog`: the freeze sorts them.
    await run(
      connection,
      `COPY (FROM ${pieces}) TO ${text(segmentFile(folder))} (FORMAT parquet, ROW_GROUP_SIZE 61440, PRESERVE_ORDER false)`,
      signal,
    )
  })
  await rm(scratch, { recursive: true, force: true })
}
