// Query parameters: their types and values as the API sends them, written as DuckDB literals.
import { z } from 'zod'
import { BigQueryError } from './errors.ts'
import { duckType, quoted, text, typeNamed, type Field } from './schema.ts'

interface ParameterType {
  type: string
  arrayType?: ParameterType | undefined
  structTypes?: { name?: string | undefined; type: ParameterType }[] | undefined
}
interface ParameterValue {
  value?: string | number | boolean | null | undefined
  arrayValues?: ParameterValue[] | undefined
  structValues?: Record<string, ParameterValue> | undefined
}

const typeShape: z.ZodType<ParameterType> = z.object({
  type: z.string(),
  get arrayType() {
    return typeShape.optional()
  },
  get structTypes() {
    return z.array(z.object({ name: z.string().optional(), type: typeShape })).optional()
  },
})
const valueShape: z.ZodType<ParameterValue> = z.object({
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
  get arrayValues() {
    return z.array(valueShape).optional()
  },
  get structValues() {
    return z.record(z.string(), valueShape).optional()
  },
})
const parametersShape = z.array(
  z.object({
    name: z.string().optional(),
    parameterType: typeShape,
    parameterValue: valueShape.optional(),
  }),
)

/** Parameters by lower-case name, each a DuckDB expression. @throws BigQueryError invalid */
export function readParameters(value: unknown): Map<string, string> {
  const read = parametersShape.safeParse(value ?? [])
  if (!read.success) throw new BigQueryError('invalid', 'Invalid value for queryParameters')
  const byName = new Map<string, string>()
  for (const { name, parameterType, parameterValue } of read.data) {
    if (name === undefined || name === '')
      throw new BigQueryError(
        'invalidQuery',
        'The simulator knows named query parameters only; write @name.',
        'query',
      )
    byName.set(name.toLowerCase(), literal(parameterType, parameterValue ?? {}))
  }
  return byName
}

function fieldOf(type: ParameterType, name = ''): Field {
  if (type.type.toUpperCase() === 'ARRAY')
    return { ...fieldOf(type.arrayType ?? { type: 'INT64' }, name), mode: 'REPEATED' }
  const known = typeNamed(type.type)
  if (known === undefined)
    throw new BigQueryError('invalid', `Invalid parameter type: ${type.type}`)
  const fields = (type.structTypes ?? []).map((inner) => fieldOf(inner.type, inner.name ?? ''))
  return { name, type: known, mode: 'NULLABLE', ...(known === 'RECORD' ? { fields } : {}) }
}

function literal(type: ParameterType, value: ParameterValue): string {
  const target = duckType(fieldOf(type))
  if (type.type.toUpperCase() === 'ARRAY') {
    const inner = type.arrayType ?? { type: 'INT64' }
    return `CAST([${(value.arrayValues ?? []).map((item) => literal(inner, item)).join(', ')}] AS ${target})`
  }
  if (target.startsWith('STRUCT')) {
    const pairs = (type.structTypes ?? []).map(
      (inner) =>
        `${quoted(inner.name ?? '')} := ${literal(inner.type, value.structValues?.[inner.name ?? ''] ?? {})}`,
    )
    return `struct_pack(${pairs.join(', ')})`
  }
  if (value.value === undefined || value.value === null) return `CAST(NULL AS ${target})`
  const given = String(value.value)
  return target === 'BLOB' ? `from_base64(${text(given)})` : `CAST(${text(given)} AS ${target})`
}
