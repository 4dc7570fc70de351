// Compares a plan with all outcomes of its delivery, recipient by recipient, in one job.
import { addsUp, emptyAccount, outcomes } from '../../domain/outcome.ts'
import { lanes } from '../../domain/lane.ts'
import { type Reconciliation, type Work } from '../port.ts'
import { planGone } from './gone.ts'
import { type LogDeps } from './log.ts'
import { digestOf, outcomesTable } from './names.ts'
import { partsRelation } from './parts.ts'
import { planRelation } from './plan.ts'
import { asNumber } from './rows.ts'
import { outcomesShape } from './schemas.ts'

const requestsShown = 1000

/**
 * Counts every term of the account and every disagreement by itself.
 * Its job's id follows from the state of the outcomes, so that asking again after a crash asks nothing twice.
 * @throws PersonNeeded when the attempt has no plan here, Error when not the whole of it.
 */
export async function reconcile(
  { connection, jobs, tables, plans, loads }: LogDeps,
  deliveryId: string,
  attempt: string,
  work: Work = {},
): Promise<Reconciliation> {
  const plan = await plans.find(deliveryId, attempt)
  if (!plan) throw planGone(`Delivery ${deliveryId} has no plan of attempt ${attempt} to compare`)
  await loads.settle(deliveryId, work.signal)
  // Where somebody removed the table everything is missing, and is made again from the ledger.
  await tables.ensure(outcomesTable(deliveryId), outcomesShape, true)
  const state = await tables.find(outcomesTable(deliveryId))
  const key = digestOf(attempt, `${state?.createdAt}/${state?.modifiedAt}/${state?.rows}`)
  const ask = (step: string, query: string) =>
    jobs.rows({ ...work, id: [deliveryId, step, key], step, deliveryId, query: { query } })

  const sides = `
    planned AS (SELECT lane, request_no, ordinal, user_id FROM ${planRelation(connection, plan)}),
    told AS (
      SELECT lane, request_no, ordinal, outcome
      FROM ${partsRelation(connection, deliveryId)}, UNNEST(GENERATE_ARRAY(from_ordinal, to_ordinal - 1)) AS ordinal),
    silent AS (
      SELECT lane, request_no, ordinal FROM planned EXCEPT DISTINCT SELECT lane, request_no, ordinal FROM told)`
  const kinds = outcomes.map((outcome) => `(SELECT COUNT(*) FROM had WHERE outcome = '${outcome}')`)
  const [counted = []] = await ask(
    'reconcile',
    `WITH ${sides},
      strange AS (
        SELECT lane, request_no, ordinal FROM told EXCEPT DISTINCT SELECT lane, request_no, ordinal FROM planned),
      twice AS (SELECT lane, request_no, ordinal FROM told GROUP BY lane, request_no, ordinal HAVING COUNT(*) > 1),
      doubled AS (SELECT user_id FROM planned GROUP BY user_id HAVING COUNT(*) > 1),
      had AS (
        SELECT DISTINCT lane, request_no, ordinal, outcome
        FROM planned JOIN told USING (lane, request_no, ordinal))
    SELECT (SELECT COUNT(*) FROM planned), (SELECT COUNT(*) FROM silent), (SELECT COUNT(*) FROM strange),
      (SELECT COUNT(*) FROM twice), (SELECT COUNT(*) FROM doubled), ${kinds.join(', ')}`,
  )
  const [
    planned = 0,
    withoutOutcome = 0,
    outcomesWithoutRecipient = 0,
    withTwoOutcomes = 0,
    doubledUserIds = 0,
    ...found
  ] = counted.map(asNumber)
  const account = { ...emptyAccount, planned }
  outcomes.forEach((outcome, index) => (account[outcome] = found[index] ?? 0))
  const expected = plan.multicast.recipients + plan.push.recipients
  if (planned !== expected)
    throw new Error(
      `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold its ${expected} recipients: ${planned} found. Look whether rows or partitions of its tables were removed.`,
    )
  const missing =
    withoutOutcome === 0
      ? []
      : await ask(
          'silent-requests',
          `WITH ${sides}
           SELECT DISTINCT lane, request_no FROM silent ORDER BY lane, request_no LIMIT ${requestsShown}`,
        )
  return {
    account,
    withoutOutcome,
    requestsWithoutOutcome: missing.flatMap(([which, requestNo]) => {
      const lane = lanes.find((one) => one === which)
      return lane ? [{ lane, requestNo: asNumber(requestNo) }] : []
    }),
    outcomesWithoutRecipient,
    withTwoOutcomes,
    doubledUserIds,
    // A load job writes all of a part or nothing.
    unreadableParts: 0,
    isExact:
      addsUp(account) &&
      withoutOutcome === 0 &&
      outcomesWithoutRecipient === 0 &&
      withTwoOutcomes === 0 &&
      doubledUserIds === 0,
  }
}
