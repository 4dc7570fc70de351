// Gathers the audience of a retry: recipients of an ended delivery by outcome, with the variables frozen then.
import { type RetryFreezeRequest } from '../port.ts'
import { PersonNeeded } from '../port.ts'
import { type FreezeDeps, type Steps } from './freeze.ts'
import { type DoneJob } from './job.ts'
import { loggedWithin } from './log.ts'
import { digestOf, logTable } from './names.ts'
import { planRelation } from './plan.ts'
import { asNumber } from './rows.ts'
import { text } from './sql-text.ts'

/**
 * Makes the attempt's table of rows, where a segment's rows would be.
 * @throws PersonNeeded unless plan and log of the earlier delivery are there, Error unless they hold exactly as many as
 *   its account says.
 */
export async function gatherEarlier(
  deps: FreezeDeps,
  steps: Steps,
  { earlier, outcomes, recipients }: RetryFreezeRequest,
): Promise<DoneJob> {
  const { connection, plans, tables } = deps
  const { deliveryId } = earlier
  const lacks = (reason: PersonNeeded['reason'], what: string) =>
    new PersonNeeded(
      reason,
      `Delivery ${deliveryId} lacks its ${what} in the warehouse; it can't be retried without. Bring back what was removed (docs/runbook.md, "Something is gone from BigQuery") and resume, or cancel.`,
    )
  const plan = await plans.find(deliveryId, earlier.attempt)
  if (!plan) throw lacks('plan-gone', 'plan')
  const log = `(SELECT * FROM ${connection.named(logTable)} WHERE ${await loggedWithin(deps, deliveryId, steps.work)})`
  // Asked anew where the log has changed: what it lacked may have been brought back.
  const state = await tables.find(logTable)
  const wanted = `outcome IN (${outcomes.map(text).join(', ')})`
  const [counted = []] = await steps.read(
    'count-earlier',
    `SELECT COUNT(*), COUNTIF(${wanted}) FROM ${log}`,
    digestOf(`${state?.createdAt}/${state?.modifiedAt}/${state?.rows}`),
  )
  if (asNumber(counted[0]) === 0) throw lacks('log-gone', 'delivery_log')
  const found = asNumber(counted[1])
  if (found !== recipients)
    throw new Error(
      `Of delivery ${deliveryId} the warehouse has ${found} recipients that are ${outcomes.join(' or ')}; its account has ${recipients}.`,
    )
  return steps.gather({
    query: `SELECT planned.user_id, planned.variables
     FROM ${planRelation(connection, plan)} AS planned
     JOIN (SELECT lane, request_no, ordinal, user_id FROM ${log} WHERE ${wanted}) AS told
       USING (lane, request_no, ordinal, user_id)`,
  })
}
