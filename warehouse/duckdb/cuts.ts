// Cuts a relation into runs of its sort order, each small enough to be sorted and counted in memory.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection } from '@duckdb/node-api'
import { asText, rows, run } from './engine.ts'
import { filesIn } from './layout.ts'
import { parquet, text } from './sql-text.ts'

/** Rows and text bytes that one cut should hold; a million rows of bare ids give four cuts. */
const rowsPerCut = 250_000
const bytesPerCut = 24_000_000

/** Cuts written side by side; each has its own buffers, so their number is what bounds the memory. */
const cutsAtOnce = 6

/** What a relation weighs. */
export interface Weight {
  rows: number
  bytes: number
}

/** The first sort key of a cut. The variables are absent where rows are ordered by id alone. */
export interface Edge {
  variables?: string
  userId: string
}

/**
 * Edges between cuts of about equal size, by user id, or by variables and user id.
 * Where they fall changes no result, so a sample chooses them.
 */
export async function edgesOf(
  connection: DuckDBConnection,
  relation: string,
  weight: Weight,
  order: 'user_id' | 'variables, user_id',
  signal?: AbortSignal,
): Promise<Edge[]> {
  const cuts = Math.ceil(Math.max(weight.rows / rowsPerCut, weight.bytes / bytesPerCut))
  if (cuts <= 1) return []
  // Some 200 sampled rows a cut keep its size within about a fifth of the mean. The hash makes the sample repeatable.
  const every = Math.max(1, Math.floor(weight.rows / (cuts * 200)))
  const sample = await rows(
    connection,
    `SELECT ${order} FROM (
       SELECT ${order}, row_number() OVER (ORDER BY ${order}) AS place, count(*) OVER () AS size
       FROM (SELECT DISTINCT ${order} FROM ${relation} WHERE hash(user_id) % ${every} = 0))
     WHERE place % greatest(1, size // ${cuts}) = 0
     ORDER BY ${order}`,
    signal,
  )
  return sample.map((key) =>
    key.length === 1
      ? { userId: asText(key[0]) }
      : { variables: asText(key[0]), userId: asText(key[1]) },
  )
}

/**
 * Writes each cut of a relation of (user_id, variables) to files of its own in `folder`.
 * Returns the cuts as relations, in the order of the edges; one without rows is left out.
 */
export async function cutUp(
  connection: DuckDBConnection,
  relation: string,
  edges: readonly Edge[],
  folder: string,
  signal?: AbortSignal,
): Promise<string[]> {
  if (edges.length === 0) return [relation]
  const relations: string[] = []
  for (let first = 0; first <= edges.length; first += cutsAtOnce) {
    const last = Math.min(first + cutsAtOnce, edges.length + 1) - 1
    const target = join(folder, String(first))
    await mkdir(target, { recursive: true })
    await run(
      connection,
      `COPY (SELECT user_id, variables, ${cutNumber(edges, first, last)} AS cut FROM ${relation}
             WHERE ${between(edges[first - 1], edges[last])})
       TO ${text(target)} (FORMAT parquet, PARTITION_BY (cut))`,
      signal,
    )
    for (let cut = first; cut <= last; cut += 1) {
      const paths = await filesIn(join(target, `cut=${cut}`), '.parquet')
      if (paths.length > 0) relations.push(parquet(paths))
    }
  }
  return relations
}

/** A tree of comparisons, which asks each row only for the logarithm of the number of cuts. */
function cutNumber(edges: readonly Edge[], from: number, to: number): string {
  const middle = Math.floor((from + to) / 2)
  const edge = edges[middle]
  if (from === to || !edge) return String(from)
  const lower = cutNumber(edges, from, middle)
  return `CASE WHEN ${isBelow(edge)} THEN ${lower} ELSE ${cutNumber(edges, middle + 1, to)} END`
}

/** Conditions that divide a relation by user id at the edges. */
export function userIdRanges(edges: readonly Edge[]): string[] {
  const ids = edges.map(({ userId }): Edge => ({ userId }))
  return Array.from({ length: ids.length + 1 }, (_, index) => between(ids[index - 1], ids[index]))
}

function between(from: Edge | undefined, to: Edge | undefined): string {
  const conditions = [...(from ? [`NOT ${isBelow(from)}`] : []), ...(to ? [isBelow(to)] : [])]
  return conditions.join(' AND ') || 'true'
}

function isBelow({ variables, userId }: Edge): string {
  const isSmaller = `(user_id < ${text(userId)})`
  if (variables === undefined) return isSmaller
  return `(variables < ${text(variables)} OR (variables = ${text(variables)} AND ${isSmaller}))`
}
