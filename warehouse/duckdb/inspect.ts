// Checks a segment's SQL on a sealed engine, before anything of it runs.
import { StatementType, type DuckDBConnection } from '@duckdb/node-api'
import { checkColumns, type CheckedSegment } from '../checked-segment.ts'
import { SegmentRefused, type SegmentInspection } from '../port.ts'
import { asText, rows, run } from './engine.ts'
import { countInstants, setInstant, withInstant } from './delivery-at.ts'
import { refusalFor, refusalWhileRunning } from './refusal.ts'
import { type Tables } from './tables.ts'

/** The view by which statements of ours read a checked segment. */
export const segmentView = '__lfm_segment'

/**
 * Requires exactly one SELECT that yields `user_id` and the variables, and makes it readable as `segmentView`.
 * @param deliveryAt what `$delivery_at` stands for, ISO 8601.
 * @throws SegmentRefused
 */
export async function checkSegment(
  connection: DuckDBConnection,
  written: string,
  variables: readonly string[],
  tables: Tables,
  deliveryAt: string,
): Promise<CheckedSegment> {
  await setInstant(connection, deliveryAt)
  const sql = await requireOneSelect(connection, written, tables)
  // As a statement of its own and not within parentheses: a semicolon or comment at its end is then harmless.
  await refusing(sql, tables, () => run(connection, `CREATE TEMP VIEW ${segmentView} AS\n${sql}`))
  const described = await rows(connection, `DESCRIBE ${segmentView}`)
  const columns = described.map(([name, type]) => ({ name: asText(name), type: asText(type) }))
  return checkColumns(columns, variables)
}

/** Checks the SQL and looks whether it yields a row now. @throws SegmentRefused */
export async function inspectSegment(
  connection: DuckDBConnection,
  sql: string,
  variables: readonly string[],
  tables: Tables,
): Promise<SegmentInspection> {
  const now = new Date().toISOString()
  const { columns } = await checkSegment(connection, sql, variables, tables, now)
  try {
    const first = await rows(connection, `SELECT 1 FROM (FROM ${segmentView} LIMIT 1)`)
    return { columns, hasRows: first.length > 0 }
  } catch (error) {
    throw refusalWhileRunning(error) ?? error
  }
}

/** The statement, with the instant in place of its parameter. */
async function requireOneSelect(
  connection: DuckDBConnection,
  written: string,
  tables: Tables,
): Promise<string> {
  const parsed = await parse(connection, written)
  // A view can have no parameter. Where the parser counts others than we found, nothing is guessed.
  const { sql, places } = withInstant(written)
  if (parsed.statements && countInstants(parsed.statements) !== places)
    throw new SegmentRefused(
      'invalid-sql',
      'LFM cannot tell where $delivery_at stands in this SQL; write it once, in a WITH before the rest.',
    )
  if (parsed.statements?.length === 0)
    throw new SegmentRefused('not-one-statement', 'The segment holds no SQL statement.')
  const statements = await refusing(sql, tables, () => connection.extractStatements(sql))
  if (statements.count !== 1)
    throw new SegmentRefused(
      'not-one-statement',
      `A segment is exactly one SELECT; the engine reads this SQL as ${statements.count} statements.`,
    )
  // Asked before binding, for a DROP of an unknown table is first of all no SELECT.
  if (parsed.error_message?.startsWith('Only SELECT')) throw notASelect()
  const statement = await refusing(sql, tables, () => statements.prepare(0))
  try {
    if (statement.statementType !== StatementType.SELECT) throw notASelect()
    if (statement.parameterCount > 0)
      throw new SegmentRefused(
        'invalid-sql',
        'The only parameter of a segment is $delivery_at; write other values into the SQL.',
      )
  } finally {
    statement.destroySync()
  }
  return sql
}

interface Parsed {
  error_message?: string
  statements?: unknown[]
}

async function parse(connection: DuckDBConnection, sql: string): Promise<Parsed> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  return JSON.parse(asText(reader.getRows()[0]?.[0])) as Parsed
}

function notASelect(): SegmentRefused {
  return new SegmentRefused('not-a-select', 'A segment only reads: it is one SELECT statement.')
}

async function refusing<T>(sql: string, tables: Tables, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw refusalFor(error, sql, tables)
  }
}
