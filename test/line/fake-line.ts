// A local server in LINE's place, whose every answer a test decides.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, type Socket } from 'node:net'
import { type LineCall } from '../../line/port.ts'

export interface SeenRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
  /** Resolves when the request's socket is closed. */
  closed: Promise<void>
}

export type Answer = (response: ServerResponse, request: SeenRequest) => void

export interface FakeLine {
  baseUrl: string
  /** Requests other than for tokens, in order. */
  seen: SeenRequest[]
  tokensIssued: number
  /** The answer to sends and everything else; tokens are answered by `token`. */
  answer: Answer
  token: Answer
  [Symbol.asyncDispose](): Promise<void>
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-line-request-id': 'request-1',
      ...headers,
    })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

/** One answer after the other; the last one stays. */
export function inTurn(...answers: Answer[]): Answer {
  let turn = 0
  return (response, request) => {
    answers[Math.min(turn++, answers.length - 1)]?.(response, request)
  }
}

export async function startFakeLine(answer: Answer = json(200, {})): Promise<FakeLine> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    const closed = new Promise<void>((resolve) => {
      request.socket.once('close', () => resolve())
    })
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const seen: SeenRequest = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        closed,
      }
      if (seen.path === '/oauth2/v3/token') {
        line.tokensIssued += 1
        line.token(response, seen)
      } else {
        line.seen.push(seen)
        line.answer(response, seen)
      }
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const line: FakeLine = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    tokensIssued: 0,
    answer,
    token: (response, request) =>
      json(200, {
        access_token: `token-${line.tokensIssued}`,
        expires_in: 900,
        token_type: 'Bearer',
      })(response, request),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return line
}

/** A well-formed user id; different for every number. */
export function aUserId(n: number): string {
  return `U${n.toString(16).padStart(32, '0')}`
}

export function aCall(changes: Partial<LineCall> = {}): LineCall {
  return {
    channel: { lineChannelId: '1234567890', channelSecret: 'the-secret' },
    lane: 'multicast',
    to: [aUserId(1), aUserId(2)],
    messagesJson: '[{"type":"text","text":"Grüezi 👋"}]',
    notificationDisabled: false,
    aggregationUnit: null,
    retryKey: '123e4567-e89b-12d3-a456-426614174000',
    ...changes,
  }
}
