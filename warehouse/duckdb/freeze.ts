// Freezes an audience: runs the segment once, keeps one row per well-formed id, numbers the requests, counts again.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection } from '@duckdb/node-api'
import { lanes, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan, type LanePlan } from '../../domain/plan.ts'
import { SegmentRefused, type FreezeRequest, type RetryFreezeRequest } from '../port.ts'
import { cutUp, edgesOf, userIdRanges, type Weight } from './cuts.ts'
import { asNumber, asText, numbers, rows, run, type Engine } from './engine.ts'
import { gatherEarlier } from './earlier.ts'
import { checkSegment, segmentView } from './inspect.ts'
import { besides, placeFolder, type Layout } from './layout.ts'
import { createNumbering } from './numbering.ts'
import { countAgain, measureLane, readPlan, segmentFile } from './plan.ts'
import { refusalInFreeze } from './refusal.ts'
import { sealed, type SealedOptions } from './sealed.ts'
import { name, parquet, text } from './sql-text.ts'
import { variablesJson } from './variables.ts'

/** What a freeze works with. */
export interface FreezeDeps {
  engine: Engine
  layout: Layout
  sealing: Omit<SealedOptions, 'writable'>
}

/** What a plan is made for; without variables every group goes to the multicast lane. */
type PlanRequest = Pick<FreezeRequest, 'deliveryId' | 'attempt' | 'variables'>

/**
 * Makes the plan of a segment.
 * @throws SegmentRefused
 */
export function freeze(
  deps: FreezeDeps,
  request: FreezeRequest,
  signal?: AbortSignal,
): Promise<FrozenPlan> {
  const gather = (folder: string) => runSegment(deps, request, folder, signal)
  return freezeRows(deps, request, gather, signal)
}

/** Makes the plan of a retry. */
export function freezeRetry(
  deps: FreezeDeps,
  request: RetryFreezeRequest,
  signal?: AbortSignal,
): Promise<FrozenPlan> {
  const gather = (folder: string) => gatherEarlier(deps, request, folder, signal)
  return freezeRows(deps, request, gather, signal)
}

/**
 * Makes the plan of one freeze attempt in a folder of its own, which appears whole or not at all.
 * An attempt whose folder is there already yields what it holds.
 * @param gather writes the file of the audience's rows into the folder.
 */
async function freezeRows(
  deps: FreezeDeps,
  request: PlanRequest,
  gather: (folder: string) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<FrozenPlan> {
  const target = deps.layout.plan(request.deliveryId, request.attempt)
  let plan = await readPlan(target)
  if (!plan) {
    const folder = besides(target)
    await mkdir(folder, { recursive: true })
    try {
      await gather(folder)
      const made = await deps.engine.heavy((connection) =>
        makePlan(connection, request, folder, signal),
      )
      await writeFile(join(folder, 'plan.json'), JSON.stringify(made))
      signal?.throwIfAborted()
      await placeFolder(folder, target)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    plan = await readPlan(target)
  }
  if (!plan) throw new Error(`The plan ${target} was moved into place and is gone again.`)
  if (plan.audience.planned === 0) throw nobody(plan)
  return plan
}

async function runSegment(
  { sealing }: FreezeDeps,
  { sql, variables, deliveryAt }: FreezeRequest,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await sealed({ ...sealing, writable: folder }, async (connection, tables) => {
    const segment = await checkSegment(connection, sql, variables, tables, deliveryAt)
    const rowsSql = `
      SELECT CAST(${name(segment.userId.name)} AS VARCHAR) AS user_id, ${variablesJson(segment.variables)} AS variables
      FROM ${segmentView}`
    try {
      await run(
        connection,
        `COPY (SELECT user_id, variables,
                 coalesce(regexp_full_match(user_id, 'U[0-9a-f]{32}'), false) AS is_well_formed
               FROM (${rowsSql})) TO ${text(segmentFile(folder))} (FORMAT parquet, ROW_GROUP_SIZE 61440)`,
        signal,
      )
    } catch (error) {
      throw refusalInFreeze(error) ?? error
    }
  })
}

async function makePlan(
  connection: DuckDBConnection,
  request: PlanRequest,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<FrozenPlan> {
  const segment = parquet([segmentFile(folder)])
  const [segmentRows = 0, wellFormed = 0, bytes = 0] = await numbers(
    connection,
    `SELECT count(*), count(*) FILTER (WHERE is_well_formed),
       sum(strlen(user_id) + strlen(variables)) FILTER (WHERE is_well_formed) FROM ${segment}`,
    signal,
  )
  const users = `(SELECT user_id, variables FROM ${segment} WHERE is_well_formed)`
  const weight = { rows: wellFormed, bytes }
  const edges = await edgesOf(connection, users, weight, 'user_id', signal)
  const scratch = join(folder, '.cuts')
  const cuts = await cutUp(connection, users, edges, scratch, signal)
  const requests =
    request.variables.length === 0
      ? await numberPlain(connection, cuts, folder, signal)
      : await numberByVariables(connection, cuts, weight, folder, signal)
  await rm(scratch, { recursive: true, force: true })

  const written = await countAgain(connection, folder, userIdRanges(edges), signal)
  const lanePlans = {} as Record<Lane, LanePlan>
  for (const lane of lanes)
    lanePlans[lane] = await measureLane(connection, folder, lane, requests[lane], signal)
  const planned = lanePlans.multicast.recipients + lanePlans.push.recipients
  if (planned !== written.recipients || planned !== written.distinct)
    throw new Error(
      `The plan of delivery ${request.deliveryId} is wrong: ${planned} recipients, ${written.distinct} distinct ids. This is a defect; nothing was sent.`,
    )
  return {
    attempt: request.attempt,
    lanes: lanePlans,
    audience: {
      segmentRows,
      malformed: segmentRows - wellFormed,
      duplicates: wellFormed - planned,
      excluded: 0,
      planned,
    },
    digest: written.digest,
  }
}

/** One row per id: the smallest variables stay, whatever order the rows came in. */
function oneRowEach(cut: string): string {
  return `SELECT user_id, min(variables) AS variables FROM ${cut} GROUP BY user_id`
}

async function numberPlain(
  connection: DuckDBConnection,
  cuts: readonly string[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<Lane, number>>> {
  const divided = new Map<string, number>()
  const numbering = createNumbering({ connection, folder, isPlain: true, divided, signal })
  for (const cut of cuts) await numbering.add(oneRowEach(cut))
  return numbering.requests()
}

async function numberByVariables(
  connection: DuckDBConnection,
  userCuts: readonly string[],
  weight: Weight,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<Lane, number>>> {
  const scratch = join(folder, '.distinct')
  await mkdir(scratch, { recursive: true })
  const distinct: string[] = []
  for (const cut of userCuts) {
    const path = join(scratch, `${distinct.length}.parquet`)
    await run(
      connection,
      `COPY (${oneRowEach(cut)}) TO ${text(path)} (FORMAT parquet, ROW_GROUP_SIZE 20480)`,
      signal,
    )
    distinct.push(path)
  }
  const recipients = parquet(distinct)
  const edges = await edgesOf(connection, recipients, weight, 'variables, user_id', signal)
  const divided = await sizesOfGroups(
    connection,
    recipients,
    edges.flatMap(({ variables }) => variables ?? []),
    signal,
  )
  const cuts = await cutUp(connection, recipients, edges, join(folder, '.by-variables'), signal)
  const numbering = createNumbering({ connection, folder, isPlain: false, divided, signal })
  for (const cut of cuts) await numbering.add(`SELECT user_id, variables FROM ${cut}`)
  await rm(scratch, { recursive: true, force: true })
  await rm(join(folder, '.by-variables'), { recursive: true, force: true })
  return numbering.requests()
}

/** Sizes of the groups that an edge falls into, for no cut sees the whole of them. */
async function sizesOfGroups(
  connection: DuckDBConnection,
  recipients: string,
  variables: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  if (variables.length === 0) return new Map()
  const counted = await rows(
    connection,
    `SELECT variables, count(*) FROM ${recipients}
     WHERE variables IN (${variables.map(text).join(', ')}) GROUP BY variables`,
    signal,
  )
  return new Map(counted.map(([group, size]) => [asText(group), asNumber(size)]))
}

function nobody({ audience }: FrozenPlan): SegmentRefused {
  const { segmentRows, malformed, duplicates } = audience
  return new SegmentRefused(
    'no-rows',
    `The segment reaches nobody: ${segmentRows} rows, of which ${malformed} hold no LINE user id and ${duplicates} repeat one.`,
  )
}
