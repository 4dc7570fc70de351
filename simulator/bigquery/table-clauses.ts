// Reads PARTITION BY, CLUSTER BY and OPTIONS of a statement that makes or changes a table.
import { BigQueryError, unsupported } from './errors.ts'
import { type RangePartitioning, type TimePartitioning } from './catalog.ts'
import { type Reader } from './reader.ts'
import { placeOf } from './tokens.ts'
import { createTranslator, type TranslateContext } from './translate.ts'

/** Options of a table; an expression is DuckDB's SQL, still to be evaluated. */
export interface TableOptions {
  expiration?: string
  labels?: Record<string, string>
  description?: string
  friendlyName?: string
  requirePartitionFilter?: boolean
  partitionExpirationDays?: number
}

/** What stands between a new table's name and AS. */
export interface TableClauses {
  range?: RangePartitioning
  time?: TimePartitioning
  clustering?: string[]
  options: TableOptions
}

/** Reads the clauses that are there, in BigQuery's order. @throws BigQueryError */
export function readClauses(reader: Reader, context: TranslateContext): TableClauses {
  const clauses: TableClauses = { options: {} }
  if (reader.take('PARTITION', 'BY')) Object.assign(clauses, partition(reader))
  if (reader.take('CLUSTER', 'BY')) {
    clauses.clustering = []
    do clauses.clustering.push(reader.next().text)
    while (reader.take(','))
  }
  if (reader.isAt('OPTIONS')) clauses.options = readOptions(reader, context)
  const days = clauses.options.partitionExpirationDays
  if (days !== undefined && clauses.time) clauses.time.expirationMs = days * 86_400_000
  return clauses
}

function partition(reader: Reader): { range: RangePartitioning } | { time: TimePartitioning } {
  if (reader.take('RANGE_BUCKET', '(')) {
    const field = reader.next().text
    reader.expect(',', 'GENERATE_ARRAY', '(')
    const start = whole(reader)
    reader.expect(',')
    const end = whole(reader)
    const interval = reader.take(',') ? whole(reader) : 1
    reader.expect(')', ')')
    return { range: { field, start, end, interval } }
  }
  if (reader.take('DATE', '(')) {
    const field = reader.next().text
    reader.expect(')')
    return { time: { type: 'DAY', field } }
  }
  const trunc = /^(DATE|TIMESTAMP|DATETIME)_TRUNC$/.test(reader.peek().key)
  const field = reader.next()
  if (!trunc) {
    if (field.key === '_PARTITIONDATE')
      throw unsupported('partitions by arrival', placeOf(reader.sql, field.from))
    return { time: { type: 'DAY', field: field.text } }
  }
  reader.expect('(')
  const column = reader.next().text
  reader.expect(',')
  const type = reader.next().key
  reader.expect(')')
  if (type !== 'DAY' && type !== 'HOUR' && type !== 'MONTH' && type !== 'YEAR')
    throw unsupported(`partitions by ${type}`, placeOf(reader.sql, field.from))
  return { time: { type, field: column } }
}

function whole(reader: Reader): number {
  const sign = reader.take('-') ? -1 : 1
  const token = reader.next()
  if (token.kind !== 'number' || !/^\d+$/.test(token.text))
    throw unsupported(
      'an edge of partitions that is no whole number',
      placeOf(reader.sql, token.from),
    )
  return sign * Number(token.text)
}

/** Reads `OPTIONS (…)`. @param context absent where only a description may stand */
export function readOptions(reader: Reader, context: TranslateContext | undefined): TableOptions {
  reader.expect('OPTIONS', '(')
  const options: TableOptions = {}
  if (reader.take(')')) return options
  do {
    const token = reader.next()
    reader.expect('=')
    const name = token.text.toLowerCase()
    if (name === 'description') options.description = reader.next().text
    else if (context && name === 'friendly_name') options.friendlyName = reader.next().text
    else if (context && name === 'labels') options.labels = labels(reader)
    else if (context && name === 'expiration_timestamp')
      options.expiration = createTranslator(reader, context)
        .sequence(',')
        .map(({ sql }) => sql)
        .join(' ')
    else if (context && name === 'require_partition_filter')
      options.requirePartitionFilter = reader.next().key === 'TRUE'
    else if (context && name === 'partition_expiration_days')
      options.partitionExpirationDays = Number(reader.next().text)
    else
      throw new BigQueryError(
        'invalidQuery',
        `Unknown option: ${token.text} at ${placeOf(reader.sql, token.from)}`,
        'query',
      )
  } while (reader.take(','))
  reader.expect(')')
  return options
}

function labels(reader: Reader): Record<string, string> {
  const found: Record<string, string> = {}
  reader.expect('[')
  if (reader.take(']')) return found
  do {
    reader.expect('(')
    const name = reader.next().text
    reader.expect(',')
    found[name] = reader.next().text
    reader.expect(')')
  } while (reader.take(','))
  reader.expect(']')
  return found
}
