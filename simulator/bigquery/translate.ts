// Turns a GoogleSQL query into DuckDB's, token by token; what it does not know it refuses, with the place.
import { unsupported } from './errors.ts'
import { createCalls } from './translate-calls.ts'
import { createFrom } from './translate-from.ts'
import { RESERVED } from './functions.ts'
import { type Reader } from './reader.ts'
import { quoted, text } from './schema.ts'
import { placeOf, syntaxError, type Token } from './tokens.ts'

/** A piece of DuckDB's SQL and the token of GoogleSQL that it stands for. */
export interface Piece {
  sql: string
  from?: number
}

/** What a query is translated with. */
export interface TranslateContext {
  /** Expressions of query parameters by lower-case name. */
  parameters: ReadonlyMap<string, string>
  /** Microseconds since 1970 that CURRENT_TIMESTAMP gives. */
  nowMicros: string
  /** DuckDB's SQL for a table of this path, `place` being where it stands. @throws BigQueryError */
  table(parts: string[], place: string): { sql: string; name: string }
}

/** What is noted while a query is translated. */
export interface Notes {
  /** Every name that may be a column's, in lower case; `*` where all columns of something are asked for. */
  names: Set<string>
  /** Names of WITH queries, in lower case. */
  subqueries: Set<string>
}

/** Translates parts of a statement from a reader. */
export interface Translator {
  notes: Notes
  /** Until the end of the statement, the given keys or an unopened closing parenthesis. */
  sequence(...until: string[]): Piece[]
  /** The type at the reader, in DuckDB's words. */
  type(): string
  /** One item of a FROM clause. */
  fromItem(): Piece[]
}

const SET_OPERATIONS = new Set(['UNION', 'INTERSECT', 'EXCEPT'])
// Words that are part of the syntax only behind another one, and names everywhere else.
const BEHIND: Record<string, string> = { FIRST: 'NULLS', LAST: 'NULLS', ROW: 'CURRENT' }
const AFTER_FROM = new Set(
  'WHERE GROUP HAVING QUALIFY ORDER LIMIT WINDOW UNION INTERSECT EXCEPT'.split(' '),
)
const TYPED_LITERALS: Record<string, string> = {
  DATE: 'DATE', TIMESTAMP: 'TIMESTAMP WITH TIME ZONE', DATETIME: 'TIMESTAMP', TIME: 'TIME',
  NUMERIC: 'DECIMAL(38,9)', JSON: 'JSON',
} // prettier-ignore

/**
 * Makes a translator that reads from `reader`.
 * @param keywords words that are syntax in this statement besides those that are reserved
 */
export function createTranslator(
  reader: Reader,
  context: TranslateContext,
  keywords: ReadonlySet<string> = new Set(),
): Translator {
  const notes: Notes = { names: new Set(), subqueries: new Set() }
  const translator: Translator = {
    notes,
    sequence,
    type: () => calls.type(),
    fromItem: () => from.item(),
  }
  const calls = createCalls(reader, context, translator)
  const from = createFrom(reader, context, translator)
  const piece = (sql: string, token: Token): Piece => ({ sql, from: token.from })

  function sequence(...until: string[]): Piece[] {
    const pieces: Piece[] = []
    let clause: 'none' | 'select' | 'from' | 'other' = 'none'
    for (;;) {
      const token = reader.peek()
      if (
        token.kind === 'end' ||
        token.key === ')' ||
        token.key === ']' ||
        until.includes(token.key)
      )
        return pieces
      if (token.key === ';' || (isAlias(pieces) && RESERVED.has(token.key)))
        throw reader.unexpected()
      if (token.key === 'WITH' && pieces.length === 0) pieces.push(...withQueries())
      else if (token.key === 'SELECT') {
        clause = 'select'
        pieces.push(...select())
      } else if (token.key === 'FROM' && clause === 'select' && reader.last()?.key !== 'DISTINCT') {
        clause = 'from'
        pieces.push(piece('FROM', reader.next()), ...from.item())
      } else if (clause === 'from' && (token.key === 'JOIN' || token.key === ','))
        pieces.push(piece(token.key, reader.next()), ...from.item())
      else {
        if (AFTER_FROM.has(token.key) && !isStarExcept()) clause = 'other'
        pieces.push(...one())
      }
    }
  }

  const isAlias = (pieces: Piece[]) => pieces.length > 0 && reader.last()?.key === 'AS'

  const isStarExcept = () => reader.last()?.key === '*' && reader.peek(1).key === '('

  function select(): Piece[] {
    const first = piece('SELECT', reader.next())
    if (reader.isAt('AS')) throw unsupported('SELECT AS STRUCT or AS VALUE', here())
    return [first]
  }

  function withQueries(): Piece[] {
    const pieces = [piece('WITH', reader.next())]
    if (reader.isAt('RECURSIVE')) pieces.push(piece('RECURSIVE', reader.next()))
    do {
      const name = reader.next()
      if (name.kind !== 'word' && name.kind !== 'name') throw reader.unexpected(name)
      notes.subqueries.add(name.text.toLowerCase())
      if (pieces.length > 1 && pieces.at(-1)?.sql === ')') pieces.push({ sql: ',' })
      reader.expect('AS', '(')
      pieces.push(piece(`${quoted(name.text)} AS (`, name), ...sequence())
      reader.expect(')')
      pieces.push({ sql: ')' })
    } while (reader.take(','))
    return pieces
  }

  function one(): Piece[] {
    const token = reader.peek()
    switch (token.kind) {
      case 'word':
        return word(token)
      case 'name':
        reader.next()
        return [piece(names(token.text.split('.')), token)]
      case 'string':
        return [piece(text(reader.next().text), token)]
      case 'number':
        return [piece(number(reader.next().text), token)]
      case 'parameter': {
        const value = context.parameters.get(reader.next().text.toLowerCase())
        if (value === undefined)
          throw syntaxError(reader.sql, token.from, `Query parameter '${token.text}' not found`)
        return [piece(value, token)]
      }
      case 'symbol':
        return symbol(token)
      default:
        throw unsupported('literals of BYTES', here())
    }
  }

  function word(token: Token): Piece[] {
    if (reader.last()?.key === '.') return [piece(names([reader.next().text]), token)]
    if (reader.peek(1).kind === 'string' && Object.hasOwn(TYPED_LITERALS, token.key)) {
      reader.next()
      return [
        piece(`CAST(${text(reader.next().text)} AS ${TYPED_LITERALS[token.key] ?? ''})`, token),
      ]
    }
    const call = keywords.has(token.key) ? undefined : calls.at(token)
    if (call) return call
    reader.next()
    if (SET_OPERATIONS.has(token.key)) {
      if (token.key === 'EXCEPT' && reader.isAt('(')) return [piece('EXCLUDE', token)]
      if (!reader.isAt('DISTINCT') && !(token.key === 'UNION' && reader.isAt('ALL')))
        throw syntaxError(
          reader.sql,
          reader.peek().from,
          'Expected keyword ALL or keyword DISTINCT',
        )
      return [piece(`${token.key} ${reader.next().key}`, token)]
    }
    if (token.key === 'TABLESAMPLE' || token.key === 'PIVOT' || token.key === 'UNPIVOT')
      throw unsupported(token.key, placeOf(reader.sql, token.from))
    const isSyntax =
      RESERVED.has(token.key) ||
      keywords.has(token.key) ||
      isBehind(token.key, reader) ||
      isOffset(token.key, reader)
    return [piece(isSyntax ? token.key : names([token.text]), token)]
  }

  function symbol(token: Token): Piece[] {
    if (token.key === '(') {
      reader.next()
      const inside = sequence()
      reader.expect(')')
      return [piece('(', token), ...inside, { sql: ')' }]
    }
    if (token.key === '[') return calls.brackets()
    if ('^?{}:@=>'.includes(token.key) && token.key !== '=' && token.key !== '>')
      throw unsupported(`the symbol ${token.key}`, here())
    reader.next()
    if (token.key === '*' && isAllColumns(reader)) notes.names.add('*')
    return [piece(token.key, token)]
  }

  function names(parts: string[]): string {
    for (const part of parts) notes.names.add(part.toLowerCase())
    return parts.map(quoted).join('.')
  }

  const here = () => placeOf(reader.sql, reader.peek().from)
  return translator
}

/** Whether the `*` just taken stands for columns: behind SELECT, DISTINCT, a comma or a dot, unless it counts rows. */
function isAllColumns(reader: Reader): boolean {
  const following = reader.peek().key
  return (
    following === ',' || following === 'FROM' || following === 'EXCEPT' || following === 'REPLACE'
  )
}

const isBehind = (key: string, reader: Reader) =>
  Object.hasOwn(BEHIND, key) && reader.peek(-2).key === BEHIND[key]

const isOffset = (key: string, reader: Reader) =>
  key === 'OFFSET' && ['number', 'parameter'].includes(reader.peek(-2).kind)

/** A number with a point is FLOAT64 in GoogleSQL and DECIMAL in DuckDB, unless it has an exponent. */
function number(written: string): string {
  return written.includes('.') && !/[eE]/.test(written) ? `${written}e0` : written
}
