// One POST on a bounded pool of connections, with a deadline that closes the socket.
import { Pool } from 'undici'
import { type HttpAnswer } from './classify.ts'

/** What became of a POST. */
export type PostResult =
  | ({ kind: 'answered' } & HttpAnswer)
  /** `startBy` passed before a connection was free; no byte was written. */
  | { kind: 'not-started'; reason: string }
  /** No byte of the request was written. */
  | { kind: 'not-sent'; reason: string }
  /** Some of the request may have been written, and no whole answer came. */
  | { kind: 'cut-off'; reason: string }

/** A request as it goes on the wire. */
export interface Post {
  path: string
  headers: Record<string, string>
  body: string
  /** From now, including the wait for a free connection. The socket is closed then. */
  deadlineMs: number
  /** By `performance.now()`: not a byte is written later. */
  startBy: number
}

export interface Poster {
  /** Never rejects. */
  post(request: Post): Promise<PostResult>
  /** Closes idle connections and waits for running requests. */
  close(): Promise<void>
}

/** Largest answer that is read: LINE's own are under 1 KB, anything near this is not LINE's. */
const largestAnswerBytes = 1_000_000

/**
 * Opens the pool. undici is used without the SDK's fetch, because fetch takes 2-3 times the CPU for each call, has
 * no bound on connections, and can't say whether a request was written. `dispatch` is used in place of `request`
 * because it tells when a request is put on a socket: all that fails earlier is definitely not accepted.
 */
export function createPoster(options: {
  origin: string
  connections: number
  connectTimeoutMs: number
}): Poster {
  const pool = new Pool(options.origin, {
    connections: options.connections,
    pipelining: 1,
    // HTTP/2 would share one socket among requests, and a deadline could then close a stream only.
    allowH2: false,
    keepAliveTimeout: 30_000,
    // The deadline of each request bounds both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: options.connectTimeoutMs },
  })
  return { post: (request) => postOn(pool, request), close: () => pool.close() }
}

function postOn(pool: Pool, request: Post): Promise<PostResult> {
  return new Promise((resolve) => {
    let abort: ((reason: Error) => void) | undefined
    let isOver = false
    let status = 0
    let headers: HttpAnswer['headers'] = {}
    let bytes = 0
    const chunks: Buffer[] = []

    const finish = (result: PostResult) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      resolve(result)
    }
    const fail = (why: string) => {
      finish(
        abort === undefined
          ? { kind: 'not-sent', reason: `No connection to LINE was made: ${why}.` }
          : { kind: 'cut-off', reason: `LINE's answer did not arrive in full: ${why}.` },
      )
    }
    const timer = setTimeout(() => {
      fail(`the deadline of ${Math.round(request.deadlineMs)} ms passed`)
      abort?.(new Error('deadline'))
    }, request.deadlineMs)

    pool.dispatch(
      { path: request.path, method: 'POST', headers: request.headers, body: request.body },
      {
        onRequestStart(controller) {
          // Its time passed while it waited for a connection; aborted here, nothing of it is written.
          if (!isOver && performance.now() > request.startBy) {
            finish({ kind: 'not-started', reason: 'No connection was free in time.' })
          }
          if (isOver) controller.abort(new Error('too late'))
          else abort = (reason) => controller.abort(reason)
        },
        onResponseStart(_controller, statusCode, answerHeaders) {
          // 1xx answers come before the real one and are overwritten by it.
          status = statusCode
          headers = answerHeaders
        },
        onResponseData(controller, chunk) {
          bytes += chunk.length
          if (bytes > largestAnswerBytes) controller.abort(new Error('answer too large'))
          else chunks.push(chunk)
        },
        onResponseEnd() {
          const body =
            chunks.length === 1 ? chunks[0]?.toString() : Buffer.concat(chunks).toString()
          finish({ kind: 'answered', status, headers, body: body ?? '' })
        },
        onResponseError(_controller, error) {
          fail(nameOf(error))
        },
      },
    )
  })
}

/** The code of a network error; messages of TLS errors can be long and are left out. */
function nameOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
