// Writes rows as the API's JSON inside DuckDB: one text for a page, because a page may have 100,000 rows.
import { quoted, text, type Field } from './schema.ts'

/** How TIMESTAMP is written: seconds as a float (the default), microseconds as a whole number, or ISO 8601. */
export type TimestampFormat = 'FLOAT64' | 'INT64' | 'ISO8601_STRING'

/** The SQL of one row's JSON, `{"f":[{"v":…},…]}`. */
export function rowJson(fields: readonly Field[], format: TimestampFormat): string {
  return recordJson(
    fields.map((field) => [field, quoted(field.name)]),
    format,
  )
}

function recordJson(cells: [Field, string][], format: TimestampFormat): string {
  const written = cells.map(
    ([field, value], index) =>
      `${text(`${index === 0 ? '{"f":[' : ','}{"v":`)} || ${valueJson(field, value, format)} || '}'`,
  )
  return cells.length === 0 ? `'{"f":[]}'` : `${written.join(' || ')} || ']}'`
}

function valueJson(field: Field, value: string, format: TimestampFormat): string {
  if (field.mode === 'REPEATED') {
    const one = valueJson({ ...field, mode: 'NULLABLE' }, 'e', format)
    return `'[' || coalesce(array_to_string(list_transform(${value}, lambda e: '{"v":' || ${one} || '}'), ','), '') || ']'`
  }
  if (field.type === 'RECORD') {
    const inner = (field.fields ?? []).map((one): [Field, string] => [
      one,
      `${value}.${quoted(one.name)}`,
    ])
    return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${recordJson(inner, format)} END`
  }
  return `coalesce(${scalarJson(field, value, format)}, 'null')`
}

function scalarJson(field: Field, value: string, format: TimestampFormat): string {
  switch (field.type) {
    case 'STRING':
    case 'JSON':
      return `CAST(to_json(CAST(${value} AS VARCHAR)) AS VARCHAR)`
    case 'BYTES':
      return `'"' || to_base64(${value}) || '"'`
    case 'FLOAT':
      return `'"' || CASE CAST(${value} AS VARCHAR) WHEN 'nan' THEN 'NaN' WHEN 'inf' THEN 'Infinity' WHEN '-inf' THEN '-Infinity' ELSE CAST(${value} AS VARCHAR) END || '"'`
    case 'NUMERIC':
      return `'"' || bq_to_string(${value}) || '"'`
    case 'DATETIME':
      return `'"' || replace(CAST(${value} AS VARCHAR), ' ', 'T') || '"'`
    case 'TIMESTAMP':
      return `'"' || ${timestamp(value, format)} || '"'`
    default:
      return `'"' || CAST(${value} AS VARCHAR) || '"'`
  }
}

function timestamp(value: string, format: TimestampFormat): string {
  if (format === 'INT64') return `CAST(epoch_us(${value}) AS VARCHAR)`
  if (format === 'ISO8601_STRING')
    return `replace(regexp_replace(CAST(${value} AS VARCHAR), '\\+00$', ''), ' ', 'T') || 'Z'`
  // As Java writes a double: a mantissa without needless zeros and the exponent without sign or padding.
  return `regexp_replace(regexp_replace(printf('%.15e', epoch_us(${value}) / 1e6), '(\\.\\d+?)0*e', '\\1E'), 'E\\+0*', 'E')`
}
