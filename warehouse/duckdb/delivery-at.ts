// The one parameter of a segment, `$delivery_at`: found in the SQL and put in place without moving anything else.
import { type DuckDBConnection } from '@duckdb/node-api'
import { run } from './engine.ts'
import { text } from './sql-text.ts'

const parameter = /\$delivery_at(?![\w$\u0080-\uffff])/iy
/** As long as the parameter, so that positions in the engine's messages stay the user's own. */
const call = '__lfm_at()  '

/** What SQL is made of, as far as a parameter could seem to stand within it. DuckDB reads these as PostgreSQL does. */
const tokens: readonly RegExp[] = [
  /[eE]'(?:[^'\\]|''|\\[^])*'/y,
  /'(?:[^']|'')*'/y,
  /"(?:[^"]|"")*"/y,
  /--[^\n]*/y,
  /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y,
  /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y,
]

/** The SQL with a call in place of each `$delivery_at`, and how many there were. */
export function withInstant(sql: string): { sql: string; places: number } {
  let put = ''
  let places = 0
  let at = 0
  while (at < sql.length) {
    parameter.lastIndex = at
    if (parameter.test(sql)) {
      put += call
      places += 1
      at += call.length
      continue
    }
    const end = endOfToken(sql, at)
    put += sql.slice(at, end)
    at = end
  }
  return { sql: put, places }
}

function endOfToken(sql: string, at: number): number {
  if (sql.startsWith('/*', at)) return endOfComment(sql, at)
  for (const token of tokens) {
    token.lastIndex = at
    const found = token.exec(sql)?.[0]
    if (found === undefined) continue
    if (!found.startsWith('$')) return at + found.length
    const close = sql.indexOf(found, at + found.length)
    return close < 0 ? sql.length : close + found.length
  }
  return at + 1
}

function endOfComment(sql: string, at: number): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = at
  let depth = 0
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  return sql.length
}

/** Makes the instant known to the SQL of this connection. @throws RangeError for what is no instant. */
export async function setInstant(connection: DuckDBConnection, deliveryAt: string): Promise<void> {
  const instant = new Date(deliveryAt).toISOString()
  await run(connection, `CREATE TEMP MACRO __lfm_at() AS TIMESTAMPTZ ${text(instant)}`)
}

/** How often a serialised statement names the parameter. */
export function countInstants(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0
  const isIt =
    'class' in node &&
    node.class === 'PARAMETER' &&
    'identifier' in node &&
    String(node.identifier).toLowerCase() === 'delivery_at'
  return Object.values(node).reduce<number>(
    (sum, child) => sum + countInstants(child),
    isIt ? 1 : 0,
  )
}
