// Reads the path of a table from a statement: back-ticked as a whole or in parts, or bare, dashes included.
import { type Reader } from './reader.ts'
import { RESERVED } from './functions.ts'
import { type Token } from './tokens.ts'

/** A path as written, cut at its dots, and where it stands. */
export interface TablePath {
  parts: string[]
  token: Token
}

/** Reads a path if one begins here; else takes nothing. */
export function readPath(reader: Reader): TablePath | undefined {
  const token = reader.peek()
  if (token.kind !== 'name' && (token.kind !== 'word' || RESERVED.has(token.key))) return undefined
  const parts = [...part(reader)]
  while (reader.isAt('.')) {
    reader.next()
    const next = reader.peek()
    if (next.kind !== 'name' && next.kind !== 'word') throw reader.unexpected()
    parts.push(...part(reader))
  }
  return { parts, token }
}

function part(reader: Reader): string[] {
  const token = reader.next()
  if (token.kind === 'name') return token.text.split('.')
  let text = token.text
  // A project's id may have dashes without back-ticks, if nothing stands between.
  while (reader.peek().key === '-' && reader.peek().from === reader.last()?.to) {
    const after = reader.peek(1)
    if ((after.kind !== 'word' && after.kind !== 'number') || after.from !== reader.peek().to) break
    reader.next()
    text += `-${reader.next().text}`
  }
  return [text]
}
