// Translates FORMAT_TIMESTAMP and its like: the pattern is read, and what DuckDB would write otherwise is refused.
import { unsupported } from './errors.ts'
import { text } from './schema.ts'
import { type Piece } from './translate.ts'

/** The functions, with the DuckDB timestamp that their value is formatted as. */
const VALUES: Record<string, (value: string, zone: string) => string> = {
  FORMAT_TIMESTAMP: (value, zone) => `(${value}) AT TIME ZONE (${zone})`,
  FORMAT_DATETIME: (value) => `CAST(${value} AS TIMESTAMP)`,
  FORMAT_DATE: (value) => `CAST(${value} AS TIMESTAMP)`,
  FORMAT_TIME: (value) => `DATE '1970-01-01' + (${value})`,
}

/** Names of the functions. */
export const TIME_FORMATS = Object.keys(VALUES)

const SAME = new Set([...'YmdHMSyjaAbBpI%'])
const LONG: Record<string, string> = { F: '%Y-%m-%d', T: '%H:%M:%S', R: '%H:%M' }

/** The call, from its arguments. @throws BigQueryError invalidQuery for a pattern that is no literal, or not known */
export function formatTime(name: string, given: Piece[][], place: string, from: number): Piece[] {
  const [pattern = [], value = [], zone = []] = given.map((pieces) => pieces.map(({ sql }) => sql))
  const literal = /^'([^]*)'$/.exec(pattern[0] ?? '')?.[1]?.replaceAll("''", "'")
  const make = VALUES[name]
  if (literal === undefined || pattern.length !== 1 || !make)
    throw unsupported(`${name} without a literal pattern`, place)
  const time = `(${make(value.join(' '), zone.length > 0 ? zone.join(' ') : `'UTC'`)})`
  const written: string[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') written.push(`strftime(${time}, ${text(plain)})`)
    plain = ''
  }
  for (const [part, fraction, element] of literal.matchAll(/%E([*0-6])S|%([^])|[^%]+|%/g)) {
    if (fraction !== undefined) {
      flush()
      written.push(fraction === '*' ? `bq_seconds(${time})` : `bq_seconds(${time}, ${fraction})`)
    } else if (element === undefined) plain += part
    else if (LONG[element] !== undefined) plain += LONG[element]
    else if (SAME.has(element)) plain += part
    else throw unsupported(`the element ${part} of ${name}`, place)
  }
  flush()
  return [{ sql: `(${written.length === 0 ? `''` : written.join(' || ')})`, from }]
}
