// Freezes an audience: runs the segment once, keeps one row per well-formed id, numbers the requests, counts again.
// Each step is a job under an id of (delivery, attempt, step), so a freeze that is begun again finds what was done.
import { createHash } from 'node:crypto'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan, type LanePlan } from '../../domain/plan.ts'
import { SegmentRefused, type FreezeRequest, type RetryFreezeRequest, type Work } from '../port.ts'
import { gatherEarlier } from './earlier.ts'
import { checkSegment, segmentQuery, type SegmentDeps } from './inspect.ts'
import { refusalInFreeze } from './refusal.ts'
import { type DoneJob } from './job.ts'
import { outcomesTable, workingTable, type WorkingTable } from './names.ts'
import { numbered, placedGroups, placedPlain } from './numbering.ts'
import { expiring, laneClauses, planRelation, type Plans } from './plan.ts'
import { asNumber } from './rows.ts'
import { outcomesShape } from './schemas.ts'
import { name } from './sql-text.ts'
import { type Tables } from './tables.ts'
import { variablesJson } from './variables.ts'

/** What a freeze works with. */
export interface FreezeDeps extends SegmentDeps {
  tables: Tables
  plans: Plans
}

/** The steps of one freeze attempt: jobs that make a table of the attempt, and jobs that read. */
export type Steps = ReturnType<typeof stepsOf>

type PlanRequest = Pick<FreezeRequest, 'deliveryId' | 'attempt' | 'variables' | 'campaignId'>

/** Days that what only the freeze itself reads outlives it. */
const scratchDays = 3

/** An id that LINE could have given. */
const wellFormed = `IFNULL(REGEXP_CONTAINS(user_id, '^U[0-9a-f]{32}$'), FALSE)`

export function stepsOf(
  { connection, jobs, tables }: FreezeDeps,
  { deliveryId, attempt, campaignId }: PlanRequest,
  signal: AbortSignal | undefined,
) {
  const tableOf = (kind: WorkingTable) => workingTable(kind, deliveryId, attempt)
  const work: Work = { campaignId, signal }
  const wanted = (step: string) => ({
    ...work,
    id: [deliveryId, attempt, step],
    step,
    deliveryId,
  })
  return {
    work,
    table: tableOf,
    named: (kind: WorkingTable) => connection.named(tableOf(kind)),

    /** Makes a table of the attempt. */
    make: (kind: WorkingTable, as: string, clauses = `OPTIONS (${expiring(scratchDays)})`) =>
      jobs.run({
        ...wanted(kind),
        query: { query: `CREATE TABLE ${connection.named(tableOf(kind))} ${clauses} AS ${as}` },
        isThere: async () => (await tables.find(tableOf(kind))) !== undefined,
      }),

    /** Runs the statement that yields the attempt's rows, into a table. What became of the table is not looked at. */
    gather: (query: { query: string }) =>
      jobs.run({
        ...wanted('segment'),
        query: {
          ...query,
          destinationTable: connection.reference(tableOf('segment')),
          createDisposition: 'CREATE_IF_NEEDED',
          writeDisposition: 'WRITE_EMPTY',
        },
      }),

    /** @param key what besides the attempt's own rows the answer hangs on, if anything. */
    read: (step: string, query: string, ...key: string[]) =>
      jobs.rows({ ...wanted(step), id: [deliveryId, attempt, step, ...key], query: { query } }),
  }
}

/** Makes the plan of a segment. @throws SegmentRefused */
export async function freeze(
  deps: FreezeDeps,
  request: FreezeRequest,
  signal?: AbortSignal,
): Promise<FrozenPlan> {
  signal?.throwIfAborted()
  const { sql, variables, deliveryAt } = request
  const segment = await checkSegment(deps, sql, variables, deliveryAt)
  const { attempt, steps } = await rowsThere(deps, request, signal, async (tried) => {
    // As a statement of its own, so that nothing of ours is in the SQL that BigQuery checked; it can write nowhere else.
    try {
      return await tried.gather({ query: sql, ...segmentQuery(deps, deliveryAt) })
    } catch (error) {
      throw await refusalInFreeze(error, deps.place)
    }
  })
  const rows = `(SELECT CAST(${name(segment.userId.name)} AS STRING) AS user_id, ${variablesJson(segment.variables)} AS variables FROM ${steps.named('segment')})`
  return makePlan(deps, steps, { ...request, attempt }, rows)
}

/** Makes the plan of a retry. */
export async function freezeRetry(
  deps: FreezeDeps,
  request: RetryFreezeRequest,
  signal?: AbortSignal,
): Promise<FrozenPlan> {
  signal?.throwIfAborted()
  const { attempt, steps } = await rowsThere(deps, request, signal, (tried) =>
    gatherEarlier(deps, tried, request),
  )
  return makePlan(deps, steps, { ...request, attempt }, steps.named('segment'))
}

/**
 * Gathers the rows that a plan is made of, or finds those that an earlier try has gathered, however long ago: the
 * segment runs once. Where they are gone it runs again under the attempt's next name, for a plan of the old rows may
 * lie under the one before, or be made yet by a try that wakes up late; every table but this one follows from its rows.
 */
async function rowsThere(
  deps: FreezeDeps,
  request: PlanRequest,
  signal: AbortSignal | undefined,
  gather: (steps: Steps) => Promise<DoneJob>,
): Promise<{ attempt: string; steps: Steps }> {
  for (let run = 1; ; run++) {
    const attempt = run === 1 ? request.attempt : `${request.attempt}-${run}`
    const steps = stepsOf(deps, { ...request, attempt }, signal)
    const table = steps.table('segment')
    const { wasThere } = await gather(steps)
    if (await deps.tables.find(table)) {
      await deps.tables.keep(table)
      return { attempt, steps }
    }
    if (!wasThere)
      throw new Error(
        `The table ${table} is gone as soon as it was made; look at the dataset's default table expiry.`,
      )
  }
}

/** @param rows relation of (user_id, variables), as the segment gave them. */
async function makePlan(
  deps: FreezeDeps,
  steps: Steps,
  request: PlanRequest,
  rows: string,
): Promise<FrozenPlan> {
  const { deliveryId, attempt } = request
  // The smallest variables of an id stay, whatever order its rows came in.
  await steps.make(
    'people',
    `SELECT user_id, MIN(variables) AS variables FROM ${rows} WHERE ${wellFormed} GROUP BY user_id`,
  )
  const [counted = []] = await steps.read(
    'count-rows',
    `SELECT COUNT(*), COUNTIF(${wellFormed}) FROM ${rows}`,
  )
  const [segmentRows, usable] = [asNumber(counted[0]), asNumber(counted[1])]
  const sizes = await placeGroups(steps, request.variables.length === 0)
  const planned = sizes.multicast.recipients + sizes.push.recipients
  const audience = {
    segmentRows,
    malformed: segmentRows - usable,
    duplicates: usable - planned,
    excluded: 0,
    planned,
  }
  if (planned === 0) throw nobody(audience)
  await Promise.all(
    lanes.map((lane) =>
      steps.make(
        lane,
        numbered(lane, steps.named('people'), steps.named('placed')),
        laneClauses(lane, sizes[lane], deps.tables.keepDays),
      ),
    ),
  )
  const measured = await measure(deps, steps, sizes)
  if (measured.recipients !== planned || measured.distinct !== planned)
    throw new Error(
      `The plan of delivery ${deliveryId} is wrong: ${planned} recipients, ${measured.recipients} rows, ${measured.distinct} distinct ids. This is a defect; nothing was sent.`,
    )
  await deps.tables.ensure(outcomesTable(deliveryId), outcomesShape, true)
  return { attempt, lanes: measured.lanes, audience, digest: measured.digest }
}

type Sizes = Record<Lane, { requests: number; recipients: number }>

async function placeGroups(steps: Steps, isPlain: boolean): Promise<Sizes> {
  const people = steps.named('people')
  if (isPlain) await steps.make('placed', placedPlain(people))
  else {
    await steps.make(
      'groups',
      `SELECT variables, COUNT(*) AS recipients FROM ${people} GROUP BY variables`,
    )
    const [count] = await steps.read(
      'count-groups',
      `SELECT COUNT(*) FROM ${steps.named('groups')}`,
    )
    await steps.make('placed', placedGroups(steps.named('groups'), asNumber(count?.[0])))
  }
  const found = await steps.read(
    'count-requests',
    `SELECT lane, SUM(requests), SUM(recipients) FROM ${steps.named('placed')} GROUP BY lane`,
  )
  const sizes: Sizes = {
    multicast: { requests: 0, recipients: 0 },
    push: { requests: 0, recipients: 0 },
  }
  for (const lane of lanes) {
    const row = found.find(([which]) => which === lane)
    if (row) sizes[lane] = { requests: asNumber(row[1]), recipients: asNumber(row[2]) }
  }
  return sizes
}

/** Reads the finished plan once more: recipients by batch, distinct ids, and a digest over every row. */
async function measure({ connection }: FreezeDeps, steps: Steps, sizes: Sizes) {
  const plan = planRelation(connection, {
    multicast: { table: steps.table('multicast') },
    push: { table: steps.table('push') },
  })
  const [totals = []] = await steps.read(
    'count-again',
    `SELECT COUNT(*), COUNT(DISTINCT user_id) FROM ${plan}`,
  )
  const batches = await steps.read(
    'count-batches',
    `SELECT lane, batch_no, COUNT(*), TO_HEX(SHA256(STRING_AGG(line, ',' ORDER BY request_no, ordinal)))
     FROM (
       SELECT lane, request_no, ordinal,
         DIV(request_no, IF(lane = 'push', ${requestsPerBatch.push}, ${requestsPerBatch.multicast})) AS batch_no,
         CONCAT(CAST(request_no AS STRING), '/', CAST(ordinal AS STRING), '/', user_id, '/', variables) AS line
       FROM ${plan})
     GROUP BY lane, batch_no ORDER BY lane, batch_no`,
  )
  const lanePlans: Record<Lane, LanePlan> = {
    multicast: laneOf('multicast', batches, sizes.multicast.requests),
    push: laneOf('push', batches, sizes.push.requests),
  }
  const digest = createHash('sha256')
  for (const batch of batches) digest.update(`${batch.join('/')}\n`)
  return {
    recipients: asNumber(totals[0]),
    distinct: asNumber(totals[1]),
    lanes: lanePlans,
    digest: digest.digest('hex'),
  }
}

function laneOf(lane: Lane, batches: (string | null)[][], requests: number): LanePlan {
  const own = batches.filter(([which]) => which === lane)
  if (
    own.length !== Math.ceil(requests / requestsPerBatch[lane]) ||
    own.some(([, batchNo], index) => asNumber(batchNo) !== index)
  )
    throw new Error(
      `The plan has a gap in its ${lane} requests. This is a defect; nothing was sent.`,
    )
  const batchRecipients = own.map(([, , recipients]) => asNumber(recipients))
  return {
    requests,
    recipients: batchRecipients.reduce((sum, size) => sum + size, 0),
    batchRecipients,
  }
}

function nobody({ segmentRows, malformed, duplicates }: FrozenPlan['audience']): SegmentRefused {
  return new SegmentRefused(
    'no-rows',
    `The segment reaches nobody: ${segmentRows} rows, of which ${malformed} hold no LINE user id and ${duplicates} repeat one.`,
  )
}
