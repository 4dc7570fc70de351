// Reads the text of an uploaded list: a CSV with a header, or nothing but user ids; counts every line it can't use.
import { pipeline, Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { type ListRow } from '../warehouse/list-rows.ts'
import { Problem } from './problem.ts'

const idPattern = /^U[0-9a-f]{32}$/
const columnPattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const mostColumns = 50
/** No text of a LINE message is longer. https://developers.line.biz/en/reference/messaging-api/#text-message */
const longestValue = 5_000
/** A quotation mark that is never closed would otherwise take the rest of the file for one value. */
const longestRecord = 1_000_000
const rejectedShown = 100
const rowsAtATime = 2_000

/** Why a line can't be used. */
export type RejectedWhy =
  'no-user-id' | 'wrong-number-of-values' | 'value-too-long' | 'unusable-sign'

/** What has been read so far. */
export interface ListCounts {
  /** Lines of data, empty ones left out. */
  read: number
  accepted: number
  rejected: number
  /** The first hundred. */
  rejectedLines: { line: number; why: RejectedWhy }[]
}

/** A list whose header has been read. */
export interface ListText {
  /** Columns besides `user_id`, as they are written. */
  columns: string[]
  counts: ListCounts
  /** The rows, once; `counts` is whole when they are at their end. Throws the Problem list-refused. */
  rows(): AsyncIterable<ListRow[]>
}

interface Parsed {
  record: string[]
  info: { lines: number }
}

/**
 * Reads the header. A first line that begins with a user id is data, and the list then has one column.
 * @throws Problem list-refused
 */
export async function readList(text: AsyncIterable<string>): Promise<ListText> {
  const records = recordsOf(text)
  const first = await records.next()
  if (first.done === true) throw new Problem('list-refused', 'The list is empty.')
  const head = first.value.record.map((name) => name.trim())
  const hasHeader = !idPattern.test(head[0] ?? '')
  const names = hasHeader ? head : ['user_id']
  if (hasHeader) requireHeader(names)
  const idAt = names.findIndex((name) => name.toLowerCase() === 'user_id')
  const counts: ListCounts = { read: 0, accepted: 0, rejected: 0, rejectedLines: [] }

  function rowOf({ record, info }: Parsed): ListRow | undefined {
    counts.read += 1
    const userId = record[idAt]?.trim() ?? ''
    const values = record.toSpliced(idAt, 1)
    const why = whyNot(userId, values, names.length - 1)
    if (why === undefined) {
      counts.accepted += 1
      return { line: info.lines, userId, values }
    }
    counts.rejected += 1
    if (counts.rejectedLines.length < rejectedShown)
      counts.rejectedLines.push({ line: info.lines, why })
    return undefined
  }

  return {
    columns: names.toSpliced(idAt, 1),
    counts,
    async *rows() {
      let chunk: ListRow[] = []
      const take = (parsed: Parsed) => {
        const row = rowOf(parsed)
        if (row) chunk.push(row)
      }
      if (!hasHeader) take(first.value)
      for await (const parsed of records) {
        take(parsed)
        if (chunk.length < rowsAtATime) continue
        yield chunk
        chunk = []
      }
      yield chunk
    },
  }
}

/** The records with the line that each ends on; what is no CSV, or no text, is refused. */
async function* recordsOf(text: AsyncIterable<string>): AsyncGenerator<Parsed, undefined> {
  const parser = parse({
    // Excel writes tabs into what it calls Unicode text.
    delimiter: [',', '\t'],
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: longestRecord,
  })
  // Errors of either side come out of the parser.
  pipeline(Readable.from(text), parser, () => undefined)
  try {
    for await (const parsed of parser as AsyncIterable<Parsed>) yield parsed
  } catch (error) {
    throw listProblem(error) ?? error
  }
  return undefined
}

function listProblem(error: unknown): Problem | undefined {
  if (error instanceof CsvError) {
    // The parser's own sentence may hold a value of the file.
    const what =
      error.code === 'CSV_MAX_RECORD_SIZE' || error.code === 'CSV_QUOTE_NOT_CLOSED'
        ? 'a quotation mark is opened and not closed again'
        : 'a quotation mark stands within a value; put the value into quotation marks and double the one in it'
    const line = Number(error['lines'])
    return new Problem('list-refused', `The list is no CSV at line ${line}: ${what}.`, {
      errors: [{ pointer: '', detail: `line ${line}: ${String(error.code)}` }],
      cause: error,
    })
  }
  if (
    error instanceof TypeError &&
    'code' in error &&
    error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
  )
    return new Problem(
      'list-refused',
      'The list is no text in UTF-8, UTF-16 or Shift_JIS. Save it as "CSV UTF-8".',
      { cause: error },
    )
  return undefined
}

function requireHeader(names: readonly string[]): void {
  const refuse = (sentence: string) => new Problem('list-refused', sentence)
  // Only what can be a column is named: another first line may hold somebody's data.
  const readable = names.filter((name) => columnPattern.test(name)).join(', ') || 'no names'
  if (!names.some((name) => name.toLowerCase() === 'user_id'))
    throw refuse(
      `The first line must name the columns, user_id among them, or begin with a user id. It has: ${readable}.`,
    )
  if (names.length > mostColumns)
    throw refuse(`The list has ${names.length} columns; it may have ${mostColumns}.`)
  const odd = names.findIndex((name) => !columnPattern.test(name))
  if (odd >= 0)
    throw refuse(
      `The name of column ${odd + 1} can't be used: names have letters of ASCII, digits and _, and begin with no digit. Those that can be used: ${readable}.`,
    )
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name.toLowerCase()))
      throw refuse(`The list has two columns ${name}; capital and small letters are the same.`)
    seen.add(name.toLowerCase())
  }
}

function whyNot(
  userId: string,
  values: readonly string[],
  columns: number,
): RejectedWhy | undefined {
  if (values.length !== columns) return 'wrong-number-of-values'
  if (!idPattern.test(userId)) return 'no-user-id'
  if (values.some((value) => value.length > longestValue)) return 'value-too-long'
  // PostgreSQL, which keeps rendered pieces, holds no NUL and no half of a surrogate pair.
  if (values.some((value) => value.includes('\0') || !value.isWellFormed())) return 'unusable-sign'
  return undefined
}
