// Checks a segment's SQL by a dry run, which costs nothing and runs nothing.
import { checkColumns, type CheckedSegment } from '../checked-segment.ts'
import { SegmentRefused, type SegmentInspection } from '../port.ts'
import { type Connection } from './client.ts'
import { type Jobs } from './jobs.ts'
import { digestOf } from './names.ts'
import { overTheLimit, refusalFor, type SegmentPlace } from './refusal.ts'
import { endOfStatement } from './sql-text.ts'

/** What segments are checked and run with. */
export interface SegmentDeps {
  connection: Connection
  jobs: Jobs
  place: SegmentPlace
}

/** The parts of a query's configuration that a segment runs with: the dataset of bare names, and its one parameter. */
export function segmentQuery({ connection }: Pick<SegmentDeps, 'connection'>, deliveryAt: string) {
  return {
    defaultDataset: { projectId: connection.project, datasetId: connection.dataset },
    parameterMode: 'NAMED',
    queryParameters: [
      {
        name: 'delivery_at',
        parameterType: { type: 'TIMESTAMP' },
        parameterValue: { value: deliveryAt },
      },
    ],
  }
}

/**
 * Requires exactly one SELECT that yields `user_id` and the variables, and reads no more than is allowed.
 * @throws SegmentRefused
 */
export async function checkSegment(
  deps: SegmentDeps,
  sql: string,
  variables: readonly string[],
  deliveryAt: string,
): Promise<CheckedSegment> {
  if (endOfStatement(sql) === 0)
    throw new SegmentRefused('not-one-statement', 'The segment holds no SQL statement.')
  const told = await refusing(deps, () =>
    deps.jobs.dryRun({ query: sql, ...segmentQuery(deps, deliveryAt) }),
  )
  if (told.statementType === 'SCRIPT')
    throw new SegmentRefused(
      'not-one-statement',
      'A segment is exactly one SELECT; BigQuery reads this SQL as a script of several statements.',
    )
  if (told.statementType !== 'SELECT')
    throw new SegmentRefused('not-a-select', 'A segment only reads: it is one SELECT statement.')
  if (told.bytes > deps.place.maximumBytesBilled) throw overTheLimit(told.bytes, deps.place)
  return checkColumns(told.columns, variables)
}

/** Checks the SQL and looks whether it yields a row now. @throws SegmentRefused */
export async function inspectSegment(
  deps: SegmentDeps,
  sql: string,
  variables: readonly string[],
): Promise<SegmentInspection> {
  const now = new Date().toISOString()
  const { columns } = await checkSegment(deps, sql, variables, now)
  // Within parentheses it must not end with a semicolon; a comment at its end is ended by the line.
  const statement = sql.slice(0, endOfStatement(sql))
  const first = await refusing(deps, () =>
    deps.jobs.rows({
      id: ['look', digestOf(sql, now)],
      step: 'look',
      query: {
        query: `SELECT 1 AS one FROM (\n${statement}\n) LIMIT 1`,
        ...segmentQuery(deps, now),
      },
    }),
  )
  return { columns, hasRows: first.length > 0 }
}

/** Runs work on the user's SQL, and says in a refusal what BigQuery says against it. */
async function refusing<T>(
  { place }: Pick<SegmentDeps, 'place'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw await refusalFor(error, place)
  }
}
