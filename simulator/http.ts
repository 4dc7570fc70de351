// Reading a request's body and writing an answer, plainly, because thousands a second pass here.
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { type Answer } from './answers.ts'

/** LINE says 2 MB and not which; the smaller reading is the strict one. */
export const MAX_BODY_BYTES = 2_000_000

/** Calls `done` with the whole body, or with undefined as soon as it is larger than LINE takes. */
export function readBody(req: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    req.resume()
    return done(undefined)
  }
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let size = 0
  let over = false
  req.on('data', (chunk: Buffer) => {
    if (over) return
    size += chunk.length
    if (size > MAX_BODY_BYTES) {
      over = true
      done(undefined)
    } else if (first === undefined) first = chunk
    else (rest ??= [first]).push(chunk)
  })
  req.on('end', () => {
    if (!over) done(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest))
  })
}

/** The whole body as text, for the few requests where speed is nothing; rejects above 2 MB. */
export async function readText(req: IncomingMessage): Promise<string> {
  const body = await new Promise<Buffer | undefined>((resolve) => readBody(req, resolve))
  if (body === undefined) throw new Error('The body is larger than 2 MB; send less.')
  return body.toString()
}

/** Writes the answer, or as much of it as it is cut to. */
export function writeAnswer(res: ServerResponse, answer: Answer, requestId: string): void {
  if (res.destroyed) return
  if (answer.cut === 'drop') {
    res.socket?.destroy()
    return
  }
  const { body } = answer
  res.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-line-request-id': requestId,
    ...answer.headers,
  })
  if (answer.cut === 'half') {
    const socket = res.socket
    res.write(body.slice(0, Math.ceil(body.length / 2)), () => socket?.destroy())
  } else {
    res.end(body)
  }
}
