// Turns what the engine says about a user's SQL into a refusal with a reason and a position.
import { SegmentRefused } from '../port.ts'
import { ownNames } from './own-tables.ts'
import { type Tables } from './tables.ts'

/** The engine's message without its drawing of the line. */
export function firstSentences(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^Failed to extract statements: /, '').replace(/\n+LINE \d+:[^]*$/, '')
}

/** The refusal for an error that the engine raised while it read the SQL. */
export function refusalFor(error: unknown, sql: string, tables: Tables): SegmentRefused {
  if (error instanceof SegmentRefused) return error
  const message = firstSentences(error)
  const position = positionOf(error, sql)
  const missing = /Table with name (.+) does not exist/.exec(message)?.[1]
  if (missing === undefined) return new SegmentRefused('invalid-sql', message, position, error)
  const all = tables.usable.map((table) => table.name)
  const isMain = (table: string) => table === 'delivery_log' || !ownNames.has(table)
  const known = all.filter((table) => isMain(table) && !table.startsWith('list_')).join(', ')
  const besides = all.filter((table) => !isMain(table)).join(', ')
  const why = tables.refused.get(missing.toLowerCase())
  const sentence =
    why ??
    `${message.split('\n')[0] ?? message} The tables are: ${known}. Besides, LFM keeps ${besides}, and each uploaded list.`
  return new SegmentRefused('unknown-table', sentence, position, error)
}

/**
 * The refusal for an error that came while the segment was tried for the person who wrote it, in the engine's words;
 * undefined where the SQL isn't to blame.
 * Positions are left out: at run time the engine counts in the statement around the segment.
 */
export function refusalWhileRunning(error: unknown): SegmentRefused | undefined {
  if (blamed(error) === undefined) return undefined
  return new SegmentRefused('invalid-sql', firstSentences(error), undefined, error)
}

/**
 * The same for a freeze, whose refusal is kept in histories and shown to many. The engine quotes the value on which
 * it failed, which may be anybody's id, name or mail: only the kind of error and a column's name are passed on, and
 * no cause.
 */
export function refusalInFreeze(error: unknown): SegmentRefused | undefined {
  const kind = blamed(error)
  if (kind === undefined) return undefined
  const column =
    kind === 'Conversion Error'
      ? / when casting from source column (\w+)$/.exec(firstSentences(error))?.[1]
      : undefined
  const where = column === undefined ? '' : `, in the column ${column}`
  return new SegmentRefused(
    'invalid-sql',
    `The segment fails on its data: ${kind}${where}. The engine's further words may quote a recipient's data and are not kept; run the SQL in the warehouse to see them, mend it (TRY_CAST yields NULL where a value does not fit), and start again: lfm campaign start <id> --again <n>`,
  )
}

/** The engine's name of an error for which the SQL is to blame, or undefined. */
function blamed(error: unknown): string | undefined {
  const message = firstSentences(error)
  if (/^(IO|INTERNAL|Fatal|INTERRUPT|Serialization|Connection)\b/.test(message)) return undefined
  return /^([A-Z][A-Za-z ]+ Error): /.exec(message)?.[1]
}

/**
 * Where the engine's caret points, 1-based. DuckDB draws the line below `LINE n: `, cut and marked with `...`
 * where it is long.
 */
function positionOf(error: unknown, sql: string): { line: number; column: number } | undefined {
  const message = error instanceof Error ? error.message : ''
  const drawing = /\nLINE (\d+): (.*)\n( *)\^/.exec(message)
  if (!drawing) return undefined
  const [, lineText = '', shown = '', before = ''] = drawing
  const line = Number(lineText)
  const caret = before.length - `LINE ${line}: `.length
  if (!shown.startsWith('...')) return { line, column: caret + 1 }
  const uncut = shown.replace(/^\.\.\./, '').replace(/\.\.\.$/, '')
  const start = sql.split('\n')[line - 1]?.indexOf(uncut) ?? -1
  return { line, column: start < 0 ? 1 : start + caret - '...'.length + 1 }
}
