// Translates arrays, structs, their JSON, and the names of types.
import { BigQueryError, unsupported } from './errors.ts'
import { RESERVED } from './functions.ts'
import { type Reader } from './reader.ts'
import { duckType, quoted, text, typeNamed } from './schema.ts'
import { placeOf, type Token } from './tokens.ts'
import { type Piece, type Translator } from './translate.ts'

/** Makes the part of a translator that reads values of more than one part. */
export function createValues(reader: Reader, translator: Translator) {
  /** The arguments of a call, each by itself; words such as DISTINCT and ORDER BY stay in theirs. */
  function argumentsOf(): Piece[][] {
    reader.expect('(')
    const found: Piece[][] = []
    if (reader.take(')')) return found
    do found.push(translator.sequence(','))
    while (reader.take(','))
    reader.expect(')')
    return found
  }

  function type(): string {
    const token = reader.next()
    if (token.key === 'ARRAY' || token.key === 'STRUCT') return angled(token)
    const known = typeNamed(token.text)
    if (known === undefined || known === 'RECORD')
      throw new BigQueryError(
        'invalidQuery',
        `Type not found: ${token.text} at ${placeOf(reader.sql, token.from)}`,
        'query',
      )
    if (reader.take('(')) {
      while (!reader.take(')')) if (reader.next().kind === 'end') throw reader.unexpected()
    }
    return duckType({ name: '', type: known, mode: 'NULLABLE' })
  }

  function angled(token: Token): string {
    reader.expect('<')
    if (token.key === 'ARRAY') {
      const inner = type()
      closeAngle()
      return `${inner}[]`
    }
    const fields: string[] = []
    do fields.push(`${quoted(reader.next().text)} ${type()}`)
    while (reader.take(','))
    closeAngle()
    return `STRUCT(${fields.join(', ')})`
  }

  // `>>` closes two at once; it is one token everywhere else.
  let halfClosed = false
  function closeAngle() {
    if (halfClosed) halfClosed = false
    else if (reader.take('>>')) halfClosed = true
    else reader.expect('>')
  }

  function struct(token: Token): Piece[] {
    if (reader.isAt('<')) {
      const target = angled(token)
      return [
        { sql: 'CAST(row(', from: token.from },
        ...joined(argumentsOf(), ','),
        { sql: `) AS ${target})` },
      ]
    }
    const fields = structFields().map(({ name, value }): Piece[] => [
      { sql: `${quoted(name)} := ` },
      ...value,
    ])
    return [{ sql: 'struct_pack(', from: token.from }, ...joined(fields, ','), { sql: ')' }]
  }

  function structFields(): { name: string; value: Piece[] }[] {
    reader.expect('(')
    const fields: { name: string; value: Piece[] }[] = []
    if (reader.take(')')) return fields
    do {
      const from = reader.peek()
      const value = translator.sequence(',', 'AS')
      const last = reader.last()
      const isPath = from === last || reader.peek(-2).key === '.'
      const written = reader.take('AS') ? reader.next() : isPath ? last : undefined
      if (written?.kind !== 'word' && written?.kind !== 'name')
        throw unsupported('a field of a STRUCT without a name', placeOf(reader.sql, from.from))
      fields.push({ name: written.text, value })
    } while (reader.take(','))
    reader.expect(')')
    return fields
  }

  /** A struct written out is written out as JSON field by field, in the format of each field's type. */
  function toJsonString(token: Token): Piece[] {
    if (!(reader.isAt('(', 'STRUCT') && reader.peek(2).key === '('))
      return [
        { sql: 'bq_to_json_string(', from: token.from },
        ...joined(argumentsOf(), ','),
        { sql: ')' },
      ]
    reader.expect('(')
    const opened = reader.next()
    const written = structJson(opened)
    reader.expect(')')
    return written
  }

  function structJson(token: Token): Piece[] {
    const fields = structFields().map(({ name, value }, index): Piece[] => [
      { sql: text(`${index > 0 ? ',' : ''}${JSON.stringify(name)}:`) },
      { sql: ' || bq_to_json_string(' },
      ...value,
      { sql: ')' },
    ])
    if (fields.length === 0) return [{ sql: `'{}'`, from: token.from }]
    return [{ sql: `('{' || `, from: token.from }, ...joined(fields, ' || '), { sql: ` || '}')` }]
  }

  function array(token: Token): Piece[] {
    if (reader.isAt('<')) {
      const target = angled(token)
      return [{ sql: 'CAST(', from: token.from }, ...list(), { sql: ` AS ${target})` }]
    }
    if (reader.isAt('[')) return list()
    reader.expect('(')
    const query = translator.sequence()
    reader.expect(')')
    return [{ sql: 'ARRAY(', from: token.from }, ...query, { sql: ')' }]
  }

  function list(): Piece[] {
    const { from } = reader.peek()
    reader.expect('[')
    const inside = translator.sequence()
    reader.expect(']')
    return [{ sql: '[', from }, ...inside, { sql: ']' }]
  }

  /** An array written out, or the index of one. */
  function brackets(): Piece[] {
    const before = reader.last()
    const isIndex =
      before !== undefined &&
      (before.key === ')' ||
        before.key === ']' ||
        before.kind === 'name' ||
        (before.kind === 'word' && !RESERVED.has(before.key)))
    if (!isIndex) return list()
    reader.expect('[')
    const kind = reader.next()
    if (!/^(SAFE_)?(OFFSET|ORDINAL)$/.test(kind.key))
      throw unsupported('an index without OFFSET or ORDINAL', placeOf(reader.sql, kind.from))
    reader.expect('(')
    const index = translator.sequence()
    reader.expect(')', ']')
    const one = kind.key.endsWith('OFFSET') ? ' + 1' : ''
    return [{ sql: '[(' }, ...index, { sql: `)${one}]` }]
  }

  return { argumentsOf, type, struct, array, toJsonString, brackets }
}

/** Lists of pieces with the same piece between any two. */
export function joined(lists: Piece[][], by: string): Piece[] {
  return lists.flatMap((pieces, index) => (index === 0 ? pieces : [{ sql: by }, ...pieces]))
}
