// Which partition a row is in, as DuckDB's SQL: for decorators, for counting, and for laying rows out.
import { BigQueryError } from './errors.ts'
import { type RangePartitioning, type Table, type TimePartitioning } from './catalog.ts'
import { quoted } from './schema.ts'

/** What partitions a table, if anything does. */
export interface Partitioning {
  range?: RangePartitioning
  time?: TimePartitioning
}

/** An expression that is equal for rows of one partition, or undefined without partitions. */
export function partitionOf({ range, time }: Partitioning): string | undefined {
  if (range) {
    const column = quoted(range.field)
    return `CASE WHEN ${column} >= ${range.start} AND ${column} < ${range.end} THEN (${column} - ${range.start}) // ${range.interval} WHEN ${column} IS NULL THEN -2 ELSE -1 END`
  }
  if (time?.field !== undefined)
    return `date_trunc('${time.type.toLowerCase()}', ${quoted(time.field)})`
  return undefined
}

/** Whether BigQuery would take these partitions. @throws BigQueryError invalid */
export function checkPartitioning({ range }: Partitioning, limit: number): void {
  if (!range) return
  if (range.interval <= 0 || range.end <= range.start)
    throw new BigQueryError('invalid', 'Range partitioning needs start < end and interval > 0.')
  const partitions = Math.ceil((range.end - range.start) / range.interval)
  if (partitions > limit)
    throw new BigQueryError(
      'invalidQuery',
      `PARTITION BY expression produces too many partitions: ${partitions} partitions are defined, the limit is ${limit}.`,
      'query',
    )
}

const DATES: Record<TimePartitioning['type'], [RegExp, string]> = {
  YEAR: [/^\d{4}$/, '%Y'],
  MONTH: [/^\d{6}$/, '%Y%m'],
  DAY: [/^\d{8}$/, '%Y%m%d'],
  HOUR: [/^\d{10}$/, '%Y%m%d%H'],
}

/** The condition for the rows of `table$decorator`. @throws BigQueryError */
export function inPartition(table: Table, decorator: string): string {
  const wrong = new BigQueryError(
    'invalid',
    `Invalid partition decorator $${decorator} for table ${table.projectId}:${table.datasetId}.${table.tableId}`,
  )
  const { range, time } = table
  if (range) {
    const column = quoted(range.field)
    if (decorator === '__NULL__') return `${column} IS NULL`
    if (decorator === '__UNPARTITIONED__')
      return `(${column} < ${range.start} OR ${column} >= ${range.end})`
    const start = Number(decorator)
    if (!/^-?\d+$/.test(decorator) || (start - range.start) % range.interval !== 0) throw wrong
    return `${column} >= ${start} AND ${column} < ${Math.min(start + range.interval, range.end)}`
  }
  if (time?.field !== undefined) {
    if (decorator === '__NULL__') return `${quoted(time.field)} IS NULL`
    const [form, pattern] = DATES[time.type]
    if (!form.test(decorator)) throw wrong
    return `strftime(${quoted(time.field)}, '${pattern}') = '${decorator}'`
  }
  throw wrong
}
