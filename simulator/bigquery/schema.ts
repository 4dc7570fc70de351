// BigQuery's schemas and the DuckDB types that stand for them, in both directions.
import {
  DuckDBListType,
  DuckDBArrayType,
  DuckDBStructType,
  DuckDBTypeId,
  type DuckDBType,
} from '@duckdb/node-api'
import { z } from 'zod'
import { BigQueryError } from './errors.ts'

/** The types that a column may have, by their standard names as the API writes them. */
const DUCK_TYPES = {
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
  NUMERIC: 'DECIMAL(38,9)',
  TIMESTAMP: 'TIMESTAMP WITH TIME ZONE',
  DATETIME: 'TIMESTAMP',
  DATE: 'DATE',
  TIME: 'TIME',
  JSON: 'JSON',
} as const

type ScalarType = keyof typeof DUCK_TYPES

/** A column, or a field of a RECORD, as the API writes it. */
export interface Field {
  name: string
  type: ScalarType | 'RECORD'
  mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  fields?: Field[]
  description?: string
}

const ALIASES: Record<string, ScalarType | 'RECORD'> = {
  INT64: 'INTEGER',
  INT: 'INTEGER',
  SMALLINT: 'INTEGER',
  BIGINT: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  DECIMAL: 'NUMERIC',
  STRUCT: 'RECORD',
  RECORD: 'RECORD',
}

/** The API's name of a type that may be written in SQL's words, or undefined. */
export function typeNamed(word: string): ScalarType | 'RECORD' | undefined {
  const upper = word.toUpperCase()
  return ALIASES[upper] ?? (isScalar(upper) ? upper : undefined)
}

function isScalar(word: string): word is ScalarType {
  return Object.hasOwn(DUCK_TYPES, word)
}

const fieldShape = z.object({
  name: z.string().min(1),
  type: z.string(),
  mode: z.string().optional(),
  description: z.string().optional(),
  get fields(): z.ZodOptional<z.ZodArray<z.ZodType<unknown>>> {
    return z.array(z.unknown()).optional()
  },
})

/** Reads the `schema.fields` of a request. @throws BigQueryError invalid */
export function readFields(value: unknown): Field[] {
  const list = z.array(z.unknown()).safeParse(value)
  if (!list.success) throw new BigQueryError('invalid', 'Schema is not a list of fields.')
  return list.data.map((item) => {
    const shape = fieldShape.safeParse(item)
    if (!shape.success)
      throw new BigQueryError('invalid', 'Schema has a field without name or type.')
    const { name, type, mode = 'NULLABLE', description } = shape.data
    const known = typeNamed(type)
    if (known === undefined)
      throw new BigQueryError('invalid', `Invalid value for type: ${type} is not a valid value`)
    const upper = mode.toUpperCase()
    if (upper !== 'NULLABLE' && upper !== 'REQUIRED' && upper !== 'REPEATED')
      throw new BigQueryError('invalid', `Invalid value for mode: ${mode} is not a valid value`)
    return {
      name,
      type: known,
      mode: upper,
      ...(known === 'RECORD' ? { fields: readFields(shape.data.fields) } : {}),
      ...(description === undefined ? {} : { description }),
    }
  })
}

/** The DuckDB type of a field's values. */
export function duckType(field: Field): string {
  const one =
    field.type === 'RECORD'
      ? `STRUCT(${(field.fields ?? []).map((inner) => `${quoted(inner.name)} ${duckType(inner)}`).join(', ')})`
      : DUCK_TYPES[field.type]
  return field.mode === 'REPEATED' ? `${one}[]` : one
}

/** The field that a column of a DuckDB result becomes; whole numbers of any width are INTEGER. */
export function fieldOf(name: string, type: DuckDBType): Field {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const inner = fieldOf(name, type.valueType)
    if (inner.mode === 'REPEATED')
      throw new BigQueryError(
        'invalidQuery',
        'Cannot construct array with element type ARRAY because nested arrays are not supported',
        'query',
      )
    return { ...inner, mode: 'REPEATED' }
  }
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((entry, index) => {
      const entryType = type.entryTypes[index]
      if (entryType === undefined) throw new Error('A struct of DuckDB has a name without a type.')
      return fieldOf(entry, entryType)
    })
    return { name, type: 'RECORD', mode: 'NULLABLE', fields }
  }
  return { name, type: scalarOf(type), mode: 'NULLABLE' }
}

function scalarOf(type: DuckDBType): ScalarType {
  if (type.alias === 'JSON') return 'JSON'
  switch (type.typeId) {
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.SQLNULL:
      return 'INTEGER'
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return 'FLOAT'
    case DuckDBTypeId.BOOLEAN:
      return 'BOOLEAN'
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.UUID:
      return 'STRING'
    case DuckDBTypeId.BLOB:
      return 'BYTES'
    case DuckDBTypeId.DECIMAL:
      return 'NUMERIC'
    case DuckDBTypeId.DATE:
      return 'DATE'
    case DuckDBTypeId.TIME:
      return 'TIME'
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return 'DATETIME'
    case DuckDBTypeId.TIMESTAMP_TZ:
      return 'TIMESTAMP'
    default:
      throw new BigQueryError(
        'invalidQuery',
        `The simulator has no BigQuery type for a column of DuckDB type ${type.toString()}.`,
        'query',
      )
  }
}

/** An identifier in DuckDB's quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text in DuckDB's quotes. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
