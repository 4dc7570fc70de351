// The API as the command line calls it: typed by docs/openapi.json, with one error for each way to fail.
import { type Operations, operations, type Problem } from './api-types.ts'

type OperationId = keyof typeof operations
export type Input<O extends OperationId> = Operations[O]['input']
export type Answer<O extends OperationId> = Operations[O]['answer']

/** The API said no. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly document: Problem
  constructor(document: Problem) {
    super(document.detail)
    this.document = document
  }
}

/** The API did not answer, or something else answered; the message names the address. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

export interface Client {
  readonly baseUrl: string
  /** @throws Refused, Unreachable */
  readonly call: <O extends OperationId>(operation: O, input: Input<O>) => Promise<Answer<O>>
  /** The body of an operation that streams. @throws Refused, Unreachable */
  readonly stream: (
    operation: OperationId,
    input: { params: Record<string, string>; query?: Record<string, unknown> },
    signal?: AbortSignal,
  ) => Promise<ReadableStream<Uint8Array>>
}

interface AnyInput {
  params?: Record<string, string>
  query?: Record<string, unknown>
  body?: unknown
}

function urlOf(baseUrl: string, path: string, { params = {}, query = {} }: AnyInput): URL {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  )
  const url = new URL(`${baseUrl}/api/v1${filled}`)
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'string' || typeof value === 'number') {
      url.searchParams.set(name, String(value))
    }
  }
  return url
}

function bodyOf({ body }: AnyInput): RequestInit & { headers?: Record<string, string> } {
  if (body === undefined) return {}
  // fetch sends a stream only where it is told that the answer comes after it.
  if (body instanceof ReadableStream)
    return { body, headers: { 'content-type': 'text/csv' }, duplex: 'half' }
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // fetch tells the reason in its cause.
  if (error.cause instanceof Error) return reasonOf(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'detail' in value && 'title' in value
}

/** @param options.baseUrl without a slash at its end */
export function createClient({ baseUrl, token }: { baseUrl: string; token: string }): Client {
  async function request(
    operation: OperationId,
    input: AnyInput,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { method, path } = operations[operation]
    let res: Response
    try {
      res = await fetch(urlOf(baseUrl, path, input), {
        method,
        ...bodyOf(input),
        headers: { authorization: `Bearer ${token}`, ...bodyOf(input).headers },
        ...(signal && { signal }),
      })
    } catch (error) {
      throw new Unreachable(
        `The API at ${baseUrl} can't be reached (${reasonOf(error)}): is it running? Another address is given by --api.`,
        { cause: error },
      )
    }
    if (res.ok) return res
    const document: unknown = await res.json().catch(() => undefined)
    if (isProblem(document)) throw new Refused(document)
    throw new Unreachable(
      `What answers at ${baseUrl} is not LFM's API (status ${res.status}): correct the address given by --api.`,
    )
  }

  return {
    baseUrl,
    async call<O extends OperationId>(operation: O, input: Input<O>): Promise<Answer<O>> {
      const res = await request(operation, input)
      try {
        // The API's answers are held against these types by its own tests.
        return (await res.json()) as Answer<O>
      } catch (error) {
        throw new Unreachable(`The answer of ${baseUrl} broke off or is not LFM's.`, {
          cause: error,
        })
      }
    },
    async stream(operation, input, signal) {
      const { body } = await request(operation, input, signal)
      return body ?? new ReadableStream()
    },
  }
}
