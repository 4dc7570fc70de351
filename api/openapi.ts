// The OpenAPI 3.1 document, made from the routes and their zod schemas.
import { z } from 'zod'
import { type ProblemKind, problemKinds } from './problem.ts'
import { type Route } from './route.ts'
import { problem } from './schemas/problem.ts'
import { answerTypes, bodyTypes } from './schemas/wire.ts'

type Json = Record<string, unknown>

const uri = (id: string) => `#/components/schemas/${id}`

function componentsOf(registry: typeof answerTypes, io: 'input' | 'output'): Json {
  const { schemas } = z.toJSONSchema(registry, { io, uri })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [
      id,
      // In OpenAPI 3.1 a component is named by its place.
      { ...schema, $schema: undefined, $id: undefined },
    ]),
  )
}

function refTo(schema: z.ZodType): Json {
  const id = bodyTypes.get(schema)?.id ?? answerTypes.get(schema)?.id
  if (id === undefined) throw new Error('A schema of a route has no name in schemas/.')
  return { $ref: uri(id) }
}

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, node]) => {
    return { name, in: where, required: where === 'path' || required.includes(name), schema: node }
  })
}

/** Kinds that any request below /api/v1 can meet. */
const everywhere: readonly ProblemKind[] = ['unauthenticated', 'store-away', 'internal']
const withBody: readonly ProblemKind[] = [
  'invalid-json',
  'invalid-body',
  'too-large',
  'unsupported-media-type',
]

function problemsOf(route: Route): Json {
  const kinds = new Set([
    ...everywhere,
    ...(route.body ? withBody : []),
    ...(route.upload ? (['too-large', 'unsupported-media-type'] as const) : []),
    ...(route.query ? (['invalid-query'] as const) : []),
    ...route.problems,
  ])
  const byStatus = Map.groupBy(kinds, (kind) => problemKinds[kind].status)
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      {
        description: of.map((kind) => `${kind}: ${problemKinds[kind].title}`).join('; '),
        content: { 'application/problem+json': { schema: refTo(problem) } },
      },
    ]),
  )
}

function answersOf({ answers, stream }: Route): Json {
  if (stream) {
    return {
      200: {
        description: stream.description,
        content: { [stream.contentType]: { schema: { type: 'string' } } },
      },
    }
  }
  const description: Record<string, string> = { 200: 'OK', 201: 'Made' }
  return Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      {
        description: description[status] ?? status,
        content: { 'application/json': { schema: refTo(schema) } },
      },
    ]),
  )
}

function operationOf(route: Route): Json {
  const { operationId, summary, tag } = route
  const needsBody = route.body?.safeParse({}).success === false
  return {
    operationId,
    summary,
    tags: [tag],
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body && {
      requestBody: {
        required: needsBody,
        content: { 'application/json': { schema: refTo(route.body) } },
      },
    }),
    ...(route.upload && {
      requestBody: {
        required: true,
        description: route.upload.description,
        content: { [route.upload.contentType]: { schema: { type: 'string' } } },
      },
    }),
    responses: { ...answersOf(route), ...problemsOf(route) },
  }
}

/** The document as an object; its JSON text is docs/openapi.json. */
export function openApiOf(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'LFM admin API',
      version: '1',
      description:
        'Delivers LINE messages to segments of friends. Errors are RFC 9457 problem documents; GET /problems/<kind> explains a kind.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { ...componentsOf(bodyTypes, 'input'), ...componentsOf(answerTypes, 'output') },
    },
  }
}

/** The text of docs/openapi.json. */
export function openApiText(routes: readonly Route[]): string {
  return `${JSON.stringify(openApiOf(routes), null, 2)}\n`
}
