// Pages of rows: in another order at each call, shorter than asked for when told to, whole only along page tokens.
import { physical, type Table } from './catalog.ts'
import { rowJson, type TimestampFormat } from './cells.ts'
import { rowsOf, type Engine } from './engine.ts'
import { BigQueryError } from './errors.ts'
import { inPartition } from './partitions.ts'
import { quoted } from './schema.ts'
import { type Settings } from './settings.ts'

/** What a page is asked for with. */
export interface PageRequest {
  startIndex: number | undefined
  maxResults: number | undefined
  pageToken: string | undefined
  selectedFields: string[] | undefined
  timestamps: TimestampFormat
}

/** What pages work with. */
export interface PageDeps {
  engine: Engine
  settings: Settings
  /** A number in [0, 1), seeded. */
  random: () => number
}

/** Reads the parameters of a list. @throws BigQueryError invalid */
export function readPageRequest(query: URLSearchParams): PageRequest {
  const startIndex = wholeOf(query, 'startIndex')
  const pageToken = query.get('pageToken') ?? undefined
  if (startIndex !== undefined && pageToken !== undefined)
    throw new BigQueryError(
      'invalid',
      'When using a page token, you cannot specify an arbitrary startIndex',
    )
  const format = query.get('formatOptions.timestampOutputFormat')
  return {
    startIndex,
    pageToken,
    maxResults: wholeOf(query, 'maxResults'),
    selectedFields: query.get('selectedFields')?.split(','),
    timestamps:
      format === 'INT64' || format === 'ISO8601_STRING'
        ? format
        : query.get('formatOptions.useInt64Timestamp') === 'true'
          ? 'INT64'
          : 'FLOAT64',
  }
}

function wholeOf(query: URLSearchParams, name: string): number | undefined {
  const given = query.get(name)
  if (given === null) return undefined
  if (!/^\d+$/.test(given))
    throw new BigQueryError('invalid', `Invalid value at '${name}': "${given}"`)
  return Number(given)
}

/** A page: its rows as the text between the brackets of `rows`. */
export interface Page {
  rows: string
  count: number
  totalRows: number
  pageToken: string | undefined
}

// Up to here rows are shuffled one by one; above, whole runs of them change places, which costs nothing.
const SHUFFLED_ROWS = 200_000

/** Reads a page of a table or, with a decorator, of one partition of it. */
export async function pageOf(
  { engine, settings, random }: PageDeps,
  table: Table,
  request: PageRequest & {
    decorator?: string | undefined
    isResult?: boolean
    shorter?: number | undefined
  },
): Promise<Page> {
  const isStable = request.isResult === true || settings.rowOrder === 'stable'
  const token = request.pageToken === undefined ? undefined : readToken(request.pageToken)
  const seed = token?.seed ?? (isStable ? 0 : 1 + Math.floor(random() * 0x7fffffff))
  const from = token?.from ?? request.startIndex ?? 0
  const where =
    request.decorator === undefined ? '' : ` WHERE ${inPartition(table, request.decorator)}`
  const selected = request.selectedFields?.map((name) => (name.split('.')[0] ?? '').toLowerCase())
  const fields = selected
    ? table.schema.filter(({ name }) => selected.includes(name.toLowerCase()))
    : table.schema
  const name = physical(table)

  return engine.with(async (connection) => {
    const total =
      where === ''
        ? table.rows
        : Number((await rowsOf(connection, `SELECT count(*) FROM ${name}${where}`))[0]?.[0] ?? 0)
    let most = Math.min(
      request.maxResults ?? settings.maxPageRows,
      settings.maxPageRows,
      Math.max(0, total - from),
    )
    if (settings.shortPages > 0 && most > 1 && random() < settings.shortPages)
      most = Math.ceil(most * random())
    if (request.shorter !== undefined) most = Math.min(most, request.shorter)
    const json = rowJson(fields, request.timestamps)
    const columns = fields.length === 0 ? '1' : fields.map((field) => quoted(field.name)).join(', ')
    const pieces: string[] = []
    let count = 0
    let bytes = 0
    for (const relation of relations(most)) {
      const [found] = await rowsOf(
        connection,
        `SELECT string_agg(row, ',' ORDER BY n), count(*), sum(size) FROM (
           SELECT row, n, strlen(row) AS size, sum(strlen(row)) OVER (ORDER BY n) AS so_far
           FROM (SELECT ${json} AS row, row_number() OVER () AS n FROM (${relation(columns)})))
         WHERE so_far + ${bytes} <= ${settings.maxPageBytes} OR (n = 1 AND ${count} = 0)`,
      )
      if (typeof found?.[0] === 'string') pieces.push(found[0])
      count += Number(found?.[1] ?? 0)
      bytes += Number(found?.[2] ?? 0)
    }
    const next = from + count
    return {
      rows: pieces.join(','),
      count,
      totalRows: total,
      pageToken: next < total && most > 0 ? writeToken({ seed, from: next }) : undefined,
    }

    /** Where the next rows come from: one run of rows, or two where the order wraps around. */
    function relations(rows: number): ((columns: string) => string)[] {
      if (rows === 0) return []
      const run = (limit: number, offset: number) => (columns: string) =>
        `SELECT ${columns} FROM ${name}${where} LIMIT ${limit} OFFSET ${offset}`
      if (seed === 0) return [run(rows, from)]
      if (total <= SHUFFLED_ROWS)
        return [
          (columns) =>
            `SELECT ${columns} FROM ${name}${where} ORDER BY hash(rowid + ${seed}) LIMIT ${rows} OFFSET ${from}`,
        ]
      const first = (from + (seed % total)) % total
      return first + rows <= total
        ? [run(rows, first)]
        : [run(total - first, first), run(rows - (total - first), 0)]
    }
  })
}

function writeToken(token: { seed: number; from: number }): string {
  return Buffer.from(`${token.seed}.${token.from}`).toString('base64url')
}

function readToken(token: string): { seed: number; from: number } {
  const read = /^(\d+)\.(\d+)$/.exec(Buffer.from(token, 'base64url').toString())
  if (!read) throw new BigQueryError('invalid', 'Invalid page token')
  return { seed: Number(read[1]), from: Number(read[2]) }
}
