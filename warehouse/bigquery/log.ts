// delivery_log: one row a recipient, made from plan and parts when a delivery ends, and read back by outcome.
import { randomUUID } from 'node:crypto'
import { type Outcome } from '../../domain/outcome.ts'
import { type DeliveryFacts, type Work } from '../port.ts'
import { type Connection } from './client.ts'
import { BigQueryFailure } from './failures.ts'
import { logGone, planGone } from './gone.ts'
import { type Jobs } from './jobs.ts'
import { type Loads } from './loads.ts'
import { digestOf, logTable, outcomesTable } from './names.ts'
import { partsRelation } from './parts.ts'
import { planRelation, type Plans } from './plan.ts'
import { asNumber, asText } from './rows.ts'
import { logShape } from './schemas.ts'
import { text } from './sql-text.ts'
import { type Tables } from './tables.ts'

export interface LogDeps {
  connection: Connection
  jobs: Jobs
  tables: Tables
  plans: Plans
  loads: Loads
}

const dayMs = 24 * 60 * 60 * 1000
const idsAtATime = 10_000

/**
 * Makes the delivery's rows of `delivery_log` in one statement, which replaces what an earlier one of it made.
 * Recipients without an outcome are not in it; `reconcile` finds them.
 * @throws PersonNeeded where the plan or `delivery_log` itself is gone.
 */
export async function materialiseLog(
  deps: LogDeps,
  facts: DeliveryFacts,
  work: Work = {},
): Promise<{ rows: number }> {
  try {
    return await makeLog(deps, facts, { ...work, campaignId: facts.campaignId })
  } catch (error) {
    const isMissing = error instanceof BigQueryFailure && error.kind === 'missing'
    if (isMissing && !(await deps.tables.find(logTable))) throw logGone(deps.connection)
    throw error
  }
}

async function makeLog(deps: LogDeps, facts: DeliveryFacts, work: Work): Promise<{ rows: number }> {
  const { connection, jobs, tables, plans, loads } = deps
  const { deliveryId, attempt } = facts
  const plan = await plans.find(deliveryId, attempt)
  if (!plan)
    throw planGone(`Delivery ${deliveryId} has no plan of attempt ${attempt} to make its log from`)
  await loads.settle(deliveryId, work.signal)
  const state = await tables.find(outcomesTable(deliveryId))
  const parts = state ? partsRelation(connection, deliveryId) : undefined
  if (!parts) return { rows: 0 }
  const values: Readonly<Record<string, string>> = {
    delivery_id: text(deliveryId),
    campaign_id: text(facts.campaignId),
    channel_id: text(facts.channelId),
    lane: 'planned.lane',
    request_no: 'planned.request_no',
  }
  const columns = logShape.fields.map(({ name }) => name)
  const made = columns.map((column) => `${values[column] ?? column} AS ${column}`)
  const within = await loggedWithin(deps, deliveryId, work)
  const key = digestOf(attempt, String(state?.modifiedAt), String(state?.rows), facts.campaignId)
  // Neither side ever matches, so all of the delivery's old rows go and all new ones come, in one atomic statement.
  await jobs.run({
    ...work,
    step: 'log',
    deliveryId,
    id: [deliveryId, 'log', key],
    query: {
      query: `
        MERGE ${connection.named(logTable)} AS had
        USING (
          SELECT ${made.join(', ')}
          FROM ${planRelation(connection, plan)} AS planned
          JOIN ${parts} AS told ON planned.lane = told.lane AND planned.request_no = told.request_no
            AND planned.ordinal >= told.from_ordinal AND planned.ordinal < told.to_ordinal) AS made
        ON FALSE
        WHEN NOT MATCHED BY SOURCE AND ${within} THEN DELETE
        WHEN NOT MATCHED BY TARGET THEN INSERT (${columns.join(', ')}) VALUES (${columns.join(', ')})`,
    },
    // Whoever emptied the log since then wants it made again.
    isThere: async () => (await countLogged(deps, deliveryId, work)) > 0,
  })
  await plans.keep(deliveryId, attempt)
  await tables.keep(outcomesTable(deliveryId))
  return { rows: await countLogged(deps, deliveryId, work) }
}

/** Never the same job twice: what is counted changes. */
async function countLogged(deps: LogDeps, deliveryId: string, work: Work): Promise<number> {
  const within = await loggedWithin(deps, deliveryId, work)
  const [counted] = await deps.jobs.rows({
    ...work,
    id: [deliveryId, 'count-log', randomUUID()],
    step: 'count-log',
    deliveryId,
    query: { query: `SELECT COUNT(*) FROM ${deps.connection.named(logTable)} WHERE ${within}` },
  })
  return asNumber(counted?.[0])
}

/** The condition that a row of `delivery_log` is the delivery's, with the days that they lie in where they are known. */
export async function loggedWithin(
  { connection, jobs, tables }: Pick<LogDeps, 'connection' | 'jobs' | 'tables'>,
  deliveryId: string,
  work: Work,
): Promise<string> {
  const own = `delivery_id = ${text(deliveryId)}`
  const state = await tables.find(outcomesTable(deliveryId))
  if (!state || state.rows === 0) return own
  // Without the days BigQuery reads, and bills, the log of all years.
  const [days = []] = await jobs.rows({
    ...work,
    id: [deliveryId, 'days', digestOf(String(state.modifiedAt), String(state.rows))],
    step: 'days',
    deliveryId,
    query: {
      query: `SELECT UNIX_MILLIS(MIN(outcome_at)), UNIX_MILLIS(MAX(outcome_at)) FROM ${connection.named(outcomesTable(deliveryId))}`,
    },
  })
  const day = (value: string | null | undefined, more: number) =>
    text(new Date(asNumber(value) + more).toISOString().slice(0, 10))
  return `${own} AND outcome_at >= TIMESTAMP(${day(days[0], 0)}) AND outcome_at < TIMESTAMP(${day(days[1], dayMs)})`
}

/**
 * User ids of one outcome, some ten thousand at a time, each id once.
 * @throws Error when the delivery's log has not been made.
 */
export async function* recipients(
  deps: LogDeps,
  deliveryId: string,
  outcome: Outcome,
  work: Work = {},
): AsyncGenerator<string[]> {
  const within = await loggedWithin(deps, deliveryId, work)
  const pages = deps.jobs.pages({
    ...work,
    id: [deliveryId, 'recipients', outcome, randomUUID()],
    step: 'recipients',
    deliveryId,
    query: {
      query: `SELECT user_id FROM ${deps.connection.named(logTable)} WHERE ${within} AND outcome = ${text(outcome)}`,
    },
  })
  let isEmpty = true
  for await (const page of pages) {
    isEmpty = false
    for (let from = 0; from < page.length; from += idsAtATime)
      yield page.slice(from, from + idsAtATime).map(([userId]) => asText(userId))
  }
  if (isEmpty && (await countLogged(deps, deliveryId, work)) === 0)
    throw new Error(
      `Delivery ${deliveryId} has no delivery_log yet; it is made when the delivery ends.`,
    )
}
