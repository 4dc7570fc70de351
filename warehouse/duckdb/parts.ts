// Writes outcomes as immutable parts, one Parquet file each.
import { rm } from 'node:fs/promises'
import { type DuckDBAppender, type DuckDBConnection } from '@duckdb/node-api'
import { type OutcomeRow, type PartName } from '../port.ts'
import { run, type Engine } from './engine.ts'
import { filesIn, laneFiles, placeFile, type Layout } from './layout.ts'
import { parquet, text } from './sql-text.ts'

/** Columns of a part with their types. `at` is a word of SQL, so the instant has a longer name here. */
const partColumns: readonly (readonly [string, string])[] = [
  ['request_no', 'INTEGER'],
  ['from_ordinal', 'INTEGER'],
  ['to_ordinal', 'INTEGER'],
  ['outcome', 'VARCHAR'],
  ['line_request_id', 'VARCHAR'],
  ['retry_key', 'VARCHAR'],
  ['outcome_at', 'TIMESTAMP WITH TIME ZONE'],
  ['reason', 'VARCHAR'],
  ['lane', 'VARCHAR'],
]

const partFormat = 'FORMAT parquet, ROW_GROUP_SIZE 20480'

/** Requests `[fromRequest, toRequest)` of a lane. */
interface RequestRange {
  fromRequest: number
  toRequest: number
}

interface PartDeps {
  engine: Engine
  layout: Layout
}

/** Writes rows as they come; the part appears when the last one is in, and replaces one of its name. */
export async function writePart(
  { engine, layout }: PartDeps,
  part: PartName,
  chunks: AsyncIterable<OutcomeRow[]>,
): Promise<void> {
  await placeFile(layout.part(part), (path) =>
    engine.connected(async (connection) => {
      // Instants arrive as text and are read by the engine when all are there.
      const columns = partColumns.map(
        ([column, type]) => `${column} ${type === 'INTEGER' ? type : 'VARCHAR'}`,
      )
      await run(connection, `CREATE TEMP TABLE part (${columns.join(', ')})`)
      const appender = await connection.createAppender('part')
      try {
        for await (const chunk of chunks) append(appender, part, chunk)
      } finally {
        appender.closeSync()
      }
      await copyPart(
        connection,
        `SELECT ${typed((column) => column)} FROM part ORDER BY request_no, from_ordinal`,
        path,
      )
    }),
  )
}

function append(appender: DuckDBAppender, part: PartName, chunk: readonly OutcomeRow[]): void {
  const textOrNull = (value: string | null) => {
    if (value === null) appender.appendNull()
    else appender.appendVarchar(value)
  }
  for (const row of chunk) {
    if (row.lane !== part.lane)
      throw new Error(`A row of the ${row.lane} lane was given to a part of the ${part.lane} lane.`)
    appender.appendInteger(row.requestNo)
    appender.appendInteger(row.fromOrdinal)
    appender.appendInteger(row.toOrdinal)
    appender.appendVarchar(row.outcome)
    textOrNull(row.lineRequestId)
    textOrNull(row.retryKey)
    appender.appendVarchar(row.at)
    textOrNull(row.reason)
    appender.appendVarchar(row.lane)
    appender.endRow()
  }
}

/** Writes `unsent` for every recipient of the ranges, straight from the plan. */
export async function writeUnsent(
  { engine, layout }: PartDeps,
  part: PartName,
  attempt: string,
  ranges: readonly RequestRange[],
  facts: { at: string; reason: string },
): Promise<void> {
  const { lane } = part
  const paths = await laneFiles(layout.plan(part.deliveryId, attempt), lane)
  const wanted = ranges.map(
    ({ fromRequest, toRequest }) => `(request_no >= ${fromRequest} AND request_no < ${toRequest})`,
  )
  const isWanted = wanted.join(' OR ') || 'false'
  // A push request is one row of the plan, and in order there; only a multicast has ordinals to gather.
  const requests = {
    push: `SELECT request_no, 1 AS size FROM ${parquet(paths)} WHERE ${isWanted}`,
    multicast: `SELECT request_no, count(*) AS size FROM ${parquet(paths)} WHERE ${isWanted}
      GROUP BY request_no ORDER BY request_no`,
  }
  const values: Readonly<Record<string, string>> = {
    from_ordinal: '0',
    to_ordinal: 'size',
    outcome: `'unsent'`,
    line_request_id: 'NULL',
    retry_key: 'NULL',
    outcome_at: text(facts.at),
    reason: text(facts.reason),
    lane: text(lane),
  }
  const rows =
    paths.length === 0
      ? emptyPart()
      : `SELECT ${typed((column) => values[column] ?? column)} FROM (${requests[lane]})`
  await placeFile(layout.part(part), (path) =>
    engine.heavy((connection) => copyPart(connection, rows, path)),
  )
}

async function copyPart(connection: DuckDBConnection, rows: string, path: string): Promise<void> {
  await run(connection, `COPY (${rows}) TO ${text(path)} (${partFormat})`)
}

/** Removes every part of the delivery but these. */
export async function dropOtherParts(
  { layout }: PartDeps,
  deliveryId: string,
  kept: readonly PartName[],
): Promise<void> {
  const paths = new Set(kept.map((part) => layout.part(part)))
  for (const path of await filesIn(layout.parts(deliveryId), '.parquet'))
    if (!paths.has(path)) await rm(path, { force: true })
}

/** All parts of a delivery as one relation; empty where there are none. */
export async function partsRelation(layout: Layout, deliveryId: string): Promise<string> {
  return relationOf(await filesIn(layout.parts(deliveryId), '.parquet'))
}

/** The parts that can be read as one relation, and how many can't: each is read to its last value. */
export async function readableParts(
  { layout }: Pick<PartDeps, 'layout'>,
  connection: DuckDBConnection,
  deliveryId: string,
): Promise<{ relation: string; unreadable: number }> {
  const paths = await filesIn(layout.parts(deliveryId), '.parquet')
  const readable: string[] = []
  for (const path of paths) {
    const columns = partColumns.map(([column]) => column).join(', ')
    const isReadable = await run(
      connection,
      `SELECT sum(hash(${columns})) FROM ${parquet([path])}`,
    ).then(
      () => true,
      () => false,
    )
    if (isReadable) readable.push(path)
  }
  return { relation: relationOf(readable), unreadable: paths.length - readable.length }
}

function relationOf(paths: string[]): string {
  return paths.length > 0 ? parquet(paths) : `(${emptyPart()})`
}

function emptyPart(): string {
  return `SELECT ${typed(() => 'NULL')} WHERE false`
}

function typed(valueOf: (column: string) => string): string {
  return partColumns
    .map(([column, type]) => `CAST(${valueOf(column)} AS ${type}) AS ${column}`)
    .join(', ')
}
