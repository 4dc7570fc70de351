// A frozen plan in its folder: its sizes, its rows, and the counting that proves it.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection } from '@duckdb/node-api'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan, type LanePlan } from '../../domain/plan.ts'
import { asNumber, asText, rows } from './engine.ts'
import { isCode, laneFiles } from './layout.ts'
import { parquet, text } from './sql-text.ts'

/** The sizes of a plan as they were counted when it was made, or undefined where there is none. */
export async function readPlan(folder: string): Promise<FrozenPlan | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as FrozenPlan
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** The file that holds every row of the segment, as it came, beside whether its id is well formed. */
export function segmentFile(folder: string): string {
  return join(folder, 'segment.parquet')
}

/**
 * Reads the finished plan files once more: recipients, distinct ids, and a digest over every row.
 * Ids are compared range by range, which is exact, for an id is in one of them.
 */
export async function countAgain(
  connection: DuckDBConnection,
  folder: string,
  idRanges: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ recipients: number; distinct: number; digest: string }> {
  const plan = await planRelation(folder)
  let recipients = 0
  let distinct = 0
  let digest = 0n
  for (const range of idRanges) {
    const [counted = []] = await rows(
      connection,
      `SELECT count(*), count(DISTINCT user_id),
         CAST(sum(CAST(hash(lane, request_no, ordinal, user_id, variables) AS HUGEINT)) AS VARCHAR)
       FROM ${plan} WHERE ${range}`,
      signal,
    )
    recipients += asNumber(counted[0])
    distinct += asNumber(counted[1])
    digest += counted[2] === null ? 0n : BigInt(asText(counted[2]))
  }
  const hash = createHash('sha256').update(`${recipients}/${digest}`).digest('hex')
  return { recipients, distinct, digest: hash }
}

/** Both lanes of a plan as one relation, with the lane's name. */
export async function planRelation(folder: string): Promise<string> {
  const parts: string[] = []
  for (const lane of lanes) {
    const paths = await laneFiles(folder, lane)
    if (paths.length > 0) parts.push(`SELECT ${text(lane)} AS lane, * FROM ${parquet(paths)}`)
  }
  const columns = `'' AS lane, 0 AS request_no, 0 AS ordinal, '' AS user_id, '' AS variables`
  return `(${parts.join(' UNION ALL ') || `SELECT ${columns} WHERE false`})`
}

/** Counts a lane's recipients by batch, from its files. @throws Error where a batch has none. */
export async function measureLane(
  connection: DuckDBConnection,
  folder: string,
  lane: Lane,
  requests: number,
  signal: AbortSignal | undefined,
): Promise<LanePlan> {
  const paths = await laneFiles(folder, lane)
  if (paths.length === 0) return { requests: 0, recipients: 0, batchRecipients: [] }
  const counted = await rows(
    connection,
    `SELECT request_no // ${requestsPerBatch[lane]}, count(*) FROM ${parquet(paths)} GROUP BY 1 ORDER BY 1`,
    signal,
  )
  const batchRecipients = counted.map(([, recipients]) => asNumber(recipients))
  if (batchRecipients.length !== Math.ceil(requests / requestsPerBatch[lane]))
    throw new Error(
      `The plan ${folder} has a gap in its ${lane} requests. This is a defect; nothing was sent.`,
    )
  return {
    requests,
    recipients: batchRecipients.reduce((sum, size) => sum + size, 0),
    batchRecipients,
  }
}
