// The SQL that writes a row's variables as one canonical JSON text, byte for byte as the embedded warehouse does.
import { type VariableColumn } from '../checked-segment.ts'
import { name, text } from './sql-text.ts'

/** Largest integer that a JSON reader keeps exact. */
const safe = '9007199254740991'

/** An expression of type STRING: a JSON object with sorted keys, `{}` without columns. */
export function variablesJson(columns: readonly VariableColumn[]): string {
  if (columns.length === 0) return `'{}'`
  const sorted = [...columns].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  const pieces = sorted.flatMap(({ key, column, type }, index) => [
    text(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`),
    `IFNULL(${valueJson(name(column), type)}, 'null')`,
  ])
  return `CONCAT(${[...pieces, `'}'`].join(', ')})`
}

function valueJson(value: string, type: string): string {
  switch (type) {
    case 'INTEGER':
    case 'INT64':
      return safeJson(value, `CAST(${value} AS STRING)`)
    case 'NUMERIC':
    case 'BIGNUMERIC':
      // The embedded warehouse writes a whole decimal with its point.
      return safeJson(
        value,
        `CONCAT(CAST(${value} AS STRING), IF(${value} = TRUNC(${value}), '.0', ''))`,
      )
    case 'BOOLEAN':
    case 'BOOL':
      return `CAST(${value} AS STRING)`
    case 'FLOAT':
    case 'FLOAT64':
      return floatJson(value)
    case 'STRING':
      return textJson(value)
    case 'DATE':
      return `CONCAT('"', CAST(${value} AS STRING), '"')`
    case 'TIMESTAMP':
      return `CONCAT('"', FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S', ${value}, 'UTC'), 'Z"')`
    case 'DATETIME':
      return `CONCAT('"', FORMAT_DATETIME('%Y-%m-%dT%H:%M:%E*S', ${value}), '"')`
    case 'TIME':
      return `CONCAT('"', FORMAT_TIME('%H:%M:%E*S', ${value}), '"')`
    default:
      return `IF(${value} IS NULL, NULL, TO_JSON_STRING(${value}))`
  }
}

/** A larger number would be rounded in silence by whoever parses the JSON; it becomes a text. */
function safeJson(value: string, json: string): string {
  return `IF(${value} BETWEEN -${safe} AND ${safe}, ${json}, CONCAT('"', CAST(${value} AS STRING), '"'))`
}

function floatJson(value: string): string {
  // BigQuery writes a whole FLOAT64 without its point and two digits of exponent at least (googlesql,
  // RoundTripDoubleToString); the embedded warehouse does neither.
  return `CASE WHEN IS_NAN(${value}) OR IS_INF(${value}) THEN NULL
    WHEN ABS(${value}) <= ${safe} AND ${value} = TRUNC(${value}) THEN CONCAT(CAST(CAST(${value} AS INT64) AS STRING), '.0')
    ELSE REPLACE(REPLACE(TO_JSON_STRING(${value}), 'e+', 'e'), 'e-0', 'e-') END`
}

/** Control characters that JSON has a letter for. */
const letters: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r' }

function textJson(value: string): string {
  // TO_JSON_STRING writes the code of a control character in lower-case hex and escapes U+2028 and U+2029 as well
  // (googlesql, json_util.cc); a text that has one of them is escaped here instead.
  let escaped = `REPLACE(REPLACE(${value}, ${text('\\')}, ${text('\\\\')}), '"', ${text('\\"')})`
  for (let code = 1; code < 32; code++) {
    const hex = code.toString(16).padStart(4, '0')
    const sign = letters[code] ?? `u${hex.toUpperCase()}`
    escaped = `REPLACE(${escaped}, '\\u${hex}', ${text(`\\${sign}`)})`
  }
  const special = `'[[:cntrl:]\\u2028\\u2029]'`
  return `IF(REGEXP_CONTAINS(${value}, ${special}), CONCAT('"', ${escaped}, '"'), TO_JSON_STRING(${value}))`
}
