// The SQL that writes a row's variables as one canonical JSON text: equal values, equal bytes.
import { type VariableColumn } from '../checked-segment.ts'
import { name, text } from './sql-text.ts'

/** Largest integer that a JSON reader keeps exact. */
const safe = '9007199254740991'

/** An expression of type VARCHAR: a JSON object with sorted keys, `{}` without columns. */
export function variablesJson(columns: readonly VariableColumn[]): string {
  if (columns.length === 0) return `'{}'`
  const sorted = [...columns].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  const pairs = sorted.map(
    ({ key, column, type }) => `${text(key)}, ${valueJson(name(column), type)}`,
  )
  return `CAST(json_object(${pairs.join(', ')}) AS VARCHAR)`
}

function valueJson(value: string, type: string): string {
  if (/[\])]$/.test(type) && !type.startsWith('DECIMAL') && !type.startsWith('ENUM'))
    return `CAST(${nestedJson(value, type)} AS JSON)`
  if (/^(BIGINT|UBIGINT|HUGEINT|UHUGEINT|DECIMAL)/.test(type))
    // A larger number would be rounded in silence by whoever parses the JSON.
    return `CASE WHEN ${value} NOT BETWEEN -${safe} AND ${safe} THEN to_json(CAST(${value} AS VARCHAR)) ELSE to_json(${value}) END`
  switch (type) {
    case 'BOOLEAN':
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'UINTEGER':
      return `to_json(${value})`
    case 'FLOAT':
      // By way of its text, or 0.1 would become 0.10000000149011612.
      return `CASE WHEN isfinite(${value}) THEN to_json(CAST(CAST(${value} AS VARCHAR) AS DOUBLE)) END`
    case 'DOUBLE':
      return `CASE WHEN isfinite(${value}) THEN to_json(${value}) END`
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
      return `to_json(replace(CAST(${value} AS VARCHAR), ' ', 'T'))`
    case 'TIMESTAMP WITH TIME ZONE':
      return `to_json(replace(CAST(${value} AT TIME ZONE 'UTC' AS VARCHAR), ' ', 'T') || 'Z')`
    case 'JSON':
      return value
    default:
      return `to_json(CAST(${value} AS VARCHAR))`
  }
}

/** JSON has no NaN and no Infinity, but the engine writes them inside lists and structs. */
function nestedJson(value: string, type: string): string {
  const json = `CAST(to_json(${value}) AS VARCHAR)`
  if (!/DOUBLE|FLOAT/.test(type)) return json
  return `regexp_replace(${json}, '([\\[:,])-?(?:NaN|Infinity)', '\\1null', 'g')`
}
