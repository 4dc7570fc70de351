// Turns DuckDB's errors into BigQuery's words, pointing at the place in GoogleSQL that was meant.
import { z } from 'zod'
import { BigQueryError, stopped } from './errors.ts'
import { placeOf } from './tokens.ts'
import { type Piece } from './translate.ts'

const shape = z.object({
  exception_type: z.string(),
  exception_message: z.string(),
  position: z.string().optional(),
  error_subtype: z.string().optional(),
  name: z.string().optional(),
})

/** A statement as DuckDB gets it, with the way back to what was written. */
export interface Sent {
  /** GoogleSQL, or empty where the statement is the simulator's own. */
  written: string
  sql: string
  /** Offsets in `sql`, ascending, with the offset in `written` that each stands for. */
  marks: { at: number; from: number }[]
}

/** Joins pieces to a statement. */
export function assemble(written: string, pieces: readonly Piece[], opening = ''): Sent {
  let sql = opening
  const marks: Sent['marks'] = []
  for (const piece of pieces) {
    if (sql !== '' && !/[\s(.]$/.test(sql) && !/^[.,)]/.test(piece.sql)) sql += ' '
    if (piece.from !== undefined) marks.push({ at: sql.length, from: piece.from })
    sql += piece.sql
  }
  return { written, sql, marks }
}

/** The error in BigQuery's form; an error that has that form already is left as it is. */
export function translated(error: unknown, sent: Sent): unknown {
  if (error instanceof BigQueryError || !(error instanceof Error)) return error
  const json = /\{.*\}/s.exec(error.message)?.[0]
  const read = shape.safeParse(parsed(json))
  if (!read.success) return new BigQueryError('invalidQuery', firstLine(error.message), 'query')
  const {
    exception_type: kind,
    exception_message: message,
    position,
    error_subtype: subtype,
    name,
  } = read.data
  const at = position === undefined ? '' : ` at ${placeIn(sent, Number(position))}`
  const refuse = (words: string) => new BigQueryError('invalidQuery', words, 'query')
  if (kind === 'Interrupt') return stopped()
  if (kind === 'Parser') {
    if (message.includes('at end of input'))
      return refuse(`Syntax error: Unexpected end of script${at}`)
    const near = /at or near "([^]*)"/.exec(message)?.[1]
    return refuse(
      `Syntax error: ${near === undefined ? firstLine(message) : `Unexpected ${JSON.stringify(near)}`}${at}`,
    )
  }
  if (subtype === 'COLUMN_NOT_FOUND') return refuse(`Unrecognized name: ${name ?? ''}${at}`)
  if (kind === 'Binder' || kind === 'Catalog') return refuse(`${firstLine(message)}${at}`)
  if (kind === 'Out of Memory')
    return new BigQueryError('resourcesExceeded', 'Resources exceeded during query execution.')
  return refuse(firstLine(message))
}

function placeIn({ written, marks }: Sent, position: number): string {
  let from = 0
  for (const mark of marks) {
    if (mark.at > position) break
    from = mark.from
  }
  return placeOf(written, from)
}

const firstLine = (message: string) => message.split('\n')[0] ?? message

function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json)
  } catch {
    return undefined
  }
}
