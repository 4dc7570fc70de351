// Writes cli/api-types.ts from docs/openapi.json, so that the client can't drift from the API: node cli/write-api-types.ts
import { readFile, writeFile } from 'node:fs/promises'

interface Schema {
  $ref?: string
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  description?: string
}

interface Parameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  schema: Schema
}

type Media = Record<string, { schema: Schema }>

interface Operation {
  operationId: string
  parameters: Parameter[]
  requestBody?: { required: boolean; content: Media }
  responses: Record<string, { content: Media }>
}

interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const scalars: Record<string, string> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

function objectType({ properties = {}, required = [], additionalProperties }: Schema): string {
  const fields = Object.entries(properties).map(
    ([name, of]) => `${name}${required.includes(name) ? '' : '?'}: ${typeOf(of)}`,
  )
  if (fields.length > 0) return `{ ${fields.join('; ')} }`
  return typeof additionalProperties === 'object'
    ? `Record<string, ${typeOf(additionalProperties)}>`
    : 'object'
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ')
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ')
  }
  if (schema.type === 'object') return objectType(schema)
  if (schema.type === 'array') return `(${typeOf(schema.items ?? {})})[]`
  return scalars[schema.type ?? ''] ?? 'unknown'
}

function operationType({ parameters, requestBody, responses }: Operation): string {
  const named = (where: string) =>
    parameters
      .filter((parameter) => parameter.in === where)
      .map(({ name, required, schema }) => `${name}${required ? '' : '?'}: ${typeOf(schema)}`)
  const group = (name: string, fields: string[]) =>
    fields.length > 0 ? `${name}: { ${fields.join('; ')} }` : undefined
  const isQueryNeeded = parameters.some((one) => one.in === 'query' && one.required)
  const json = requestBody?.content['application/json']?.schema
  const body = json ? typeOf(json) : 'ReadableStream<Uint8Array>'
  const answers = Object.entries(responses)
    .filter(([status]) => status < '300')
    .map(([, { content }]) => content['application/json']?.schema)
    .map((schema) => (schema ? typeOf(schema) : 'ReadableStream'))
  const input = [
    group('params', named('path')),
    group(isQueryNeeded ? 'query' : 'query?', named('query')),
    requestBody && `body${requestBody.required ? '' : '?'}: ${body}`,
  ].filter((part) => part !== undefined)
  const fields = input.length > 0 ? `{ ${input.join('; ')} }` : 'object'
  return `{ input: ${fields}; answer: ${[...new Set(answers)].join(' | ')} }`
}

/** The text of cli/api-types.ts. */
export function apiTypes(openApi: OpenApi): string {
  const operations = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const lines = [
    '// Made from docs/openapi.json by cli/write-api-types.ts; not edited by hand.',
    ...Object.entries(openApi.components.schemas).map(
      ([name, schema]) =>
        `\n// prettier-ignore\n${name === 'Problem' ? 'export ' : ''}type ${name} = ${typeOf(schema)}`,
    ),
    '\n/** What each operation takes and answers. */\n// prettier-ignore\nexport interface Operations {',
    ...operations.map(({ operation }) => `  ${operation.operationId}: ${operationType(operation)}`),
    '}\n\n/** Where each operation is. */\n// prettier-ignore\nexport const operations = {',
    ...operations.map(
      ({ path, method, operation }) =>
        `  ${operation.operationId}: { method: '${method.toUpperCase()}', path: '${path}' },`,
    ),
    '} as const\n',
  ]
  return lines.join('\n')
}

if (import.meta.main) {
  const document = await readFile(new URL('../docs/openapi.json', import.meta.url), 'utf8')
  await writeFile(
    new URL('./api-types.ts', import.meta.url),
    apiTypes(JSON.parse(document) as OpenApi),
  )
}
