// Translates what stands in a FROM clause: tables, views, UNNEST and sub-queries.
import { BigQueryError, unsupported } from './errors.ts'
import { RESERVED } from './functions.ts'
import { readPath } from './table-path.ts'
import { type Reader } from './reader.ts'
import { quoted } from './schema.ts'
import { placeOf } from './tokens.ts'
import { type Piece, type TranslateContext, type Translator } from './translate.ts'

/** Makes the part of a translator that reads one item of a FROM clause. */
export function createFrom(reader: Reader, context: TranslateContext, translator: Translator) {
  function item(): Piece[] {
    if (reader.isAt('UNNEST')) return unnest()
    if (reader.isAt('LATERAL'))
      throw unsupported('LATERAL', placeOf(reader.sql, reader.peek().from))
    const path = readPath(reader)
    // A sub-query or joins in parentheses: the sequence goes on with them by itself.
    if (path === undefined) {
      if (!reader.isAt('(')) throw reader.unexpected()
      const from = reader.next().from
      const inner = reader.isAt('SELECT') || reader.isAt('WITH') || reader.isAt('(')
      const inside = inner ? translator.sequence() : [...item(), ...joined()]
      reader.expect(')')
      return [{ sql: '(', from }, ...inside, { sql: ')' }]
    }
    const { parts, token } = path
    const place = placeOf(reader.sql, token.from)
    if (reader.isAt('(')) throw unsupported(`the table function ${parts.join('.')}`, place)
    const [only = ''] = parts
    if (parts.length === 1 && translator.notes.subqueries.has(only.toLowerCase()))
      return [{ sql: quoted(only), from: token.from }]
    const table = context.table(parts, place)
    if (reader.isAt('FOR')) throw unsupported('FOR SYSTEM_TIME AS OF', place)
    return [{ sql: table.sql + (hasAlias() ? '' : ` AS ${quoted(table.name)}`), from: token.from }]
  }

  /** The rest of a join in parentheses, which has no SELECT of its own. */
  function joined(): Piece[] {
    const pieces: Piece[] = []
    while (!reader.isAt(')')) {
      pieces.push(...translator.sequence('JOIN', ','))
      if (reader.isAt(')') || reader.peek().kind === 'end') break
      const token = reader.next()
      pieces.push({ sql: token.key, from: token.from }, ...item())
    }
    return pieces
  }

  function hasAlias(): boolean {
    const token = reader.peek()
    return (
      token.key === 'AS' ||
      token.kind === 'name' ||
      (token.kind === 'word' && !RESERVED.has(token.key))
    )
  }

  function alias(): string | undefined {
    if (!hasAlias()) return undefined
    reader.take('AS')
    return reader.next().text
  }

  function unnest(): Piece[] {
    const { from } = reader.next()
    reader.expect('(')
    const array = translator.sequence()
    reader.expect(')')
    const name = alias() ?? '_unnested'
    const column = quoted(name)
    if (!reader.take('WITH'))
      return [{ sql: 'unnest(', from }, ...array, { sql: `) AS ${column}(${column})` }]
    if (reader.next().key !== 'OFFSET')
      throw new BigQueryError(
        'invalidQuery',
        `Syntax error: Expected keyword OFFSET at ${placeOf(reader.sql, from)}`,
        'query',
      )
    const offset = quoted(alias() ?? 'offset')
    return [
      {
        sql:
          'LATERAL (SELECT unnest(list) AS ' +
          column +
          `, generate_subscripts(list, 1) - 1 AS ${offset} FROM (SELECT `,
        from,
      },
      ...array,
      { sql: ` AS list)) AS ${column}` },
    ]
  }

  return { item }
}
