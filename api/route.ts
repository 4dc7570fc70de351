// How a route is declared: once, with its schemas, so that none can exist without standing in the OpenAPI document.
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { type z } from 'zod'
import { type ApiDeps } from './deps.ts'
import { Problem, type ProblemKind } from './problem.ts'
import { parseBody, parseQuery } from './validate.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** What a handler gets besides its dependencies. */
export interface Input<P, Q, B> {
  params: P
  query: Q
  body: B
  /** Name of the token that the request came with. */
  caller: string
}

/** The answers that a route may give: a status of its list, with a body of that status' schema. */
export type Answer<R> = {
  [S in keyof R & number]: { status: S; body: R[S] extends z.ZodType ? z.input<R[S]> : never }
}[keyof R & number]

/** An answer that the compiler holds against the schema of its status. */
export function reply<const S extends number, B>(status: S, body: B): { status: S; body: B } {
  return { status, body }
}

/** Writes an answer piece by piece; `gone` is aborted when the caller has left or the process ends. */
export type Streaming = (out: ServerResponse, gone: AbortSignal) => Promise<void>

/** What OpenAPI says of a route. */
interface Description {
  method: Method
  /** Below /api/v1, with parameters as `{id}`. */
  path: string
  operationId: string
  summary: string
  tag: string
  /** Kinds of problems besides those that every route has. */
  problems: readonly ProblemKind[]
}

interface Schemas<P, Q, B> {
  params?: P
  query?: Q
  body?: B
}

/** A route whose types have been checked at its declaration. */
export interface Route extends Description {
  params?: z.ZodType
  query?: z.ZodType
  body?: z.ZodType
  /** Schema by status. */
  answers: Readonly<Record<number, z.ZodType>>
  /** Of an answer that is streamed, in place of `answers`. */
  stream?: { contentType: string; description: string }
  /** Of a body that is no JSON and is read by the handler as it comes. */
  upload?: { contentType: string; description: string }
  run(
    deps: ApiDeps,
    raw: Input<unknown, unknown, unknown>,
    request: IncomingMessage,
  ): Promise<{ status: number; body: unknown } | Streaming>
}

function parse<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  { params, query, body }: Schemas<P, Q, B>,
  raw: Input<unknown, unknown, unknown>,
): Input<z.output<P>, z.output<Q>, z.output<B>> {
  const checked = params?.safeParse(raw.params)
  if (checked?.error) {
    const given = Object.values(raw.params ?? {})
      .join('/')
      .slice(0, 100)
    throw new Problem('not-found', `"${given}" is no id: an id is a UUID, as the API gave it.`)
  }
  return {
    params: checked?.data as z.output<P>,
    query: (query && parseQuery(query, raw.query)) as z.output<Q>,
    body: (body && parseBody(body, raw.body)) as z.output<B>,
    caller: raw.caller,
  }
}

/** Declares a route that answers with JSON. */
export function route<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  const R extends Record<number, z.ZodType>,
>(
  spec: Description &
    Schemas<P, Q, B> & {
      answers: R
      handle: (
        deps: ApiDeps,
        input: Input<z.output<P>, z.output<Q>, z.output<B>>,
      ) => Promise<Answer<R>>
    },
): Route {
  const { handle, ...declared } = spec
  return { ...declared, run: async (deps, raw) => handle(deps, parse(spec, raw)) }
}

/** Declares a route whose answer is streamed; what its handler throws before it returns is still a problem document. */
export function streamingRoute<P extends z.ZodType, Q extends z.ZodType>(
  spec: Description &
    Schemas<P, Q, never> & {
      stream: { contentType: string; description: string }
      handle: (deps: ApiDeps, input: Input<z.output<P>, z.output<Q>, unknown>) => Promise<Streaming>
    },
): Route {
  const { handle, ...declared } = spec
  return { ...declared, answers: {}, run: async (deps, raw) => handle(deps, parse(spec, raw)) }
}

/** Declares a route that reads its body as it comes, whatever its size, and answers with JSON. */
export function uploadRoute<
  P extends z.ZodType,
  Q extends z.ZodType,
  const R extends Record<number, z.ZodType>,
>(
  spec: Description &
    Schemas<P, Q, never> & {
      upload: { contentType: string; description: string }
      answers: R
      handle: (
        deps: ApiDeps,
        input: Input<z.output<P>, z.output<Q>, unknown>,
        request: IncomingMessage,
      ) => Promise<Answer<R>>
    },
): Route {
  const { handle, ...declared } = spec
  return {
    ...declared,
    run: async (deps, raw, request) => handle(deps, parse(spec, raw), request),
  }
}
