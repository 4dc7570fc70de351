// Compares a plan with all outcomes of its delivery, recipient by recipient, one stretch of requests at a time.
import { type DuckDBConnection } from '@duckdb/node-api'
import { addsUp, emptyAccount, outcomes } from '../../domain/outcome.ts'
import { type Reconciliation } from '../port.ts'
import { edgesOf, userIdRanges } from './cuts.ts'
import { asNumber, numbers, rows, type Engine } from './engine.ts'
import { planRelation, readPlan } from './plan.ts'
import { type Layout } from './layout.ts'
import { partsRelation, readableParts } from './parts.ts'
import { stretchesOf, within, type Stretch } from './stretches.ts'

const requestsShown = 1000

/**
 * Counts every term of the account and every disagreement by itself. Parts that can't be read are left out and counted.
 * @throws Error when the attempt has no plan here, or not the whole of it.
 */
export async function reconcile(
  { engine, layout }: { engine: Engine; layout: Layout },
  deliveryId: string,
  attempt: string,
): Promise<Reconciliation> {
  const folder = layout.plan(deliveryId, attempt)
  const plan = await readPlan(folder)
  if (!plan) throw new Error(`Delivery ${deliveryId} has no plan of attempt ${attempt} to compare.`)
  const stretches = await stretchesOf(plan, folder)
  return engine.heavy(async (connection) => {
    const parts = await partsRelation(layout, deliveryId)
    const compared = await compare(connection, stretches, parts)
      .then((found) => ({ ...found, unreadableParts: 0 }))
      .catch(async (error: unknown) => {
        // Whether it was a part: each is read by itself only now, for that takes a while.
        const { relation, unreadable } = await readableParts({ layout }, connection, deliveryId)
        if (unreadable === 0) throw error
        const found = await compare(connection, stretches, relation)
        return { ...found, unreadableParts: unreadable }
      })
    const { account } = compared
    if (account.planned !== plan.audience.planned)
      throw new Error(
        `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold its ${plan.audience.planned} recipients: ${account.planned} found. Look whether files of the plan are missing.`,
      )
    const doubledUserIds = await countDoubled(connection, folder)
    const isExact =
      addsUp(account) &&
      doubledUserIds === 0 &&
      compared.unreadableParts === 0 &&
      compared.withoutOutcome === 0 &&
      compared.outcomesWithoutRecipient === 0 &&
      compared.withTwoOutcomes === 0
    return { ...compared, doubledUserIds, isExact }
  })
}

type Compared = Omit<Reconciliation, 'doubledUserIds' | 'unreadableParts' | 'isExact'>

async function compare(
  connection: DuckDBConnection,
  stretches: readonly Stretch[],
  parts: string,
): Promise<Compared> {
  const account = { ...emptyAccount }
  const found = { withoutOutcome: 0, outcomesWithoutRecipient: 0, withTwoOutcomes: 0 }
  const requestsWithoutOutcome: Reconciliation['requestsWithoutOutcome'] = []
  for (const stretch of stretches) {
    const [planned = 0, without = 0, outcomesOnly = 0, twice = 0, ...kinds] = await numbers(
      connection,
      comparison(stretch, parts),
    )
    account.planned += planned
    outcomes.forEach((outcome, index) => (account[outcome] += kinds[index] ?? 0))
    found.withoutOutcome += without
    found.outcomesWithoutRecipient += outcomesOnly
    found.withTwoOutcomes += twice
    const room = requestsShown - requestsWithoutOutcome.length
    if (without > 0 && room > 0)
      for (const [requestNo] of await rows(connection, missing(stretch, parts, room)))
        requestsWithoutOutcome.push({ lane: stretch.lane, requestNo: asNumber(requestNo) })
  }
  return { account, ...found, requestsWithoutOutcome }
}

/** Plan rows and outcomes of a stretch side by side, one row for each (request, ordinal) in either. */
function sideBySide(stretch: Stretch, parts: string): string {
  const kinds = outcomes.map((outcome) => `bool_or(outcome = '${outcome}') AS ${outcome}`)
  return `
    WITH told AS (
      SELECT request_no, unnest(range(from_ordinal, to_ordinal)) AS ordinal, outcome
      FROM ${parts} WHERE lane = '${stretch.lane}' AND ${within(stretch)}),
    had AS (
      SELECT request_no, ordinal, count(*) AS times, ${kinds.join(', ')}
      FROM told GROUP BY request_no, ordinal)
    SELECT request_no, planned.user_id IS NOT NULL AS is_planned, coalesce(times, 0) AS times, ${outcomes.join(', ')}
    FROM ${stretch.plan} AS planned FULL JOIN had USING (request_no, ordinal)`
}

function comparison(stretch: Stretch, parts: string): string {
  const kinds = outcomes.map((outcome) => `count(*) FILTER (WHERE is_planned AND ${outcome})`)
  return `
    SELECT count(*) FILTER (WHERE is_planned),
      count(*) FILTER (WHERE is_planned AND times = 0),
      count(*) FILTER (WHERE NOT is_planned),
      count(*) FILTER (WHERE times > 1),
      ${kinds.join(', ')}
    FROM (${sideBySide(stretch, parts)})`
}

function missing(stretch: Stretch, parts: string, limit: number): string {
  return `
    SELECT DISTINCT request_no FROM (${sideBySide(stretch, parts)})
    WHERE is_planned AND times = 0 ORDER BY request_no LIMIT ${limit}`
}

async function countDoubled(connection: DuckDBConnection, folder: string): Promise<number> {
  const plan = await planRelation(folder)
  const [size = 0] = await numbers(connection, `SELECT count(*) FROM ${plan}`)
  // Ids alone are compared, so their length is all that a range weighs.
  const edges = await edgesOf(connection, plan, { rows: size, bytes: size * 33 }, 'user_id')
  let doubled = 0
  for (const range of userIdRanges(edges)) {
    const [count = 0] = await numbers(
      connection,
      `SELECT count(*) FROM (SELECT user_id FROM ${plan} WHERE ${range} GROUP BY user_id HAVING count(*) > 1)`,
    )
    doubled += count
  }
  return doubled
}
