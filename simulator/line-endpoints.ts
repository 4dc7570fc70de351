// One call to LINE's API from its headers to its answer: token, rate, fault, then what it asked for.
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { createAccounts } from './accounts.ts'
import { createAudience } from './audience.ts'
import {
  EMPTY_OK,
  FORBIDDEN,
  INTERNAL_ERROR,
  NOT_FOUND,
  QUOTA_EXCEEDED,
  RATE_EXCEEDED,
  TOO_LARGE,
  TOO_MANY_FOR_USER,
  UNAUTHORIZED,
  UNAVAILABLE,
  FAILED_TO_SEND,
  fieldErrors,
  lineError,
  notJson,
  type Answer,
} from './answers.ts'
import { type Call } from './calls.ts'
import { takeToken, type Channel } from './channels.ts'
import { type Fault } from './faults.ts'
import { isFields, type Fields } from './field-rules.ts'
import { readBody, writeAnswer } from './http.ts'
import { refuseMessages } from './message-rules.ts'
import { findRoute, type Route } from './routes.ts'
import { createSend } from './send.ts'
import { createTokenEndpoints } from './token-endpoints.ts'
import { createWire } from './wire.ts'
import { type World } from './world.ts'

/** One call in hand. */
interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  url: URL | undefined
  route: Route
  seq: number
  call: Call
  channel: Channel | undefined
}

export interface LineEndpoints {
  handle(req: IncomingMessage, res: ServerResponse, method: string, path: string): void
  /** Gives up the answers that wait for their latency. */
  close(): void
}

export function createLineEndpoints(world: World): LineEndpoints {
  const accounts = createAccounts(world)
  const tokenEndpoints = createTokenEndpoints(world)
  const send = createSend(world, createAudience(world))
  const wire = createWire(world)
  const timers = new Set<NodeJS.Timeout>()

  function later(ms: number, act: () => void) {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }

  function finish({ res, call }: Exchange, answer: Answer) {
    const write = () => {
      writeAnswer(res, answer, call.requestId)
      wire.leave(call)
      world.calls.end(call, answer.cut === undefined ? answer.status : null)
    }
    const latencyMs = world.nextLatencyMs()
    if (latencyMs > 0) later(latencyMs, write)
    else write()
  }

  function handle(req: IncomingMessage, res: ServerResponse, method: string, path: string) {
    const question = path.indexOf('?')
    const route = findRoute(method, question === -1 ? path : path.slice(0, question))
    const seq = world.nextSeq()
    const call = world.calls.start(route?.endpoint ?? 'other', world.requestId(seq))
    wire.watch(req.socket, call)
    if (world.faults.onArrival(call.endpoint) !== undefined) {
      call.fault = 'refuse-connection'
      req.socket.destroy()
      world.calls.end(call, null)
      return
    }
    if (route === undefined) {
      writeAnswer(res, NOT_FOUND, call.requestId)
      world.calls.end(call, 404)
      return
    }
    const url = method === 'GET' ? new URL(path, 'http://line.invalid') : undefined
    const exchange: Exchange = { req, res, url, route, seq, call, channel: undefined }
    const refused = refuseByHeaders(exchange)
    if (refused !== undefined) {
      req.resume()
      return finish(exchange, refused)
    }
    if (method === 'GET') return proceed(exchange, Buffer.alloc(0), {})
    readBody(req, (raw) => {
      if (raw === undefined) return finish(exchange, TOO_LARGE)
      if (route.kind === 'token') return proceed(exchange, raw, {})
      const type = req.headers['content-type'] ?? ''
      if (!/^application\/json\b/i.test(type))
        return finish(exchange, lineError(415, `The content type, ${type}, is not supported`))
      let body: unknown
      try {
        body = JSON.parse(raw.toString())
      } catch (error) {
        return finish(exchange, notJson(error))
      }
      if (!isFields(body)) return finish(exchange, notJson(undefined))
      proceed(exchange, raw, body)
    })
  }

  /** What LINE can tell from the headers alone. A call refused here is asked nothing else. */
  function refuseByHeaders(exchange: Exchange): Answer | undefined {
    const { req, route, call } = exchange
    if (route.kind === 'token' || route.kind === 'verify') return undefined
    const key = req.headers['x-line-retry-key']
    call.retryKey = typeof key === 'string' ? key : null
    const token = world.tokens.authenticate(req.headers.authorization)
    if (token === undefined) return UNAUTHORIZED
    const { channel } = token
    exchange.channel = channel
    call.channelId = channel.channelId
    if (route.kind === 'send') wire.enter(channel, call)
    if (!takeToken(channel, route.bucket, route.rate, world.settings, call.at)) {
      world.violations.add('rate-exceeded', call)
      return RATE_EXCEEDED
    }
    if (route.kind !== 'send' && call.retryKey !== null)
      return lineError(400, 'The header X-Line-Retry-Key is not supported by this API')
    return undefined
  }

  /** Faults, and the answer. The body is whole here. */
  function proceed(exchange: Exchange, raw: Buffer, body: Fields) {
    const { call, route } = exchange
    const to: readonly unknown[] = Array.isArray(body.to) ? body.to : [body.to]
    const units: unknown = body.customAggregationUnits
    const unit: unknown = Array.isArray(units) ? units[0] : undefined
    if (route.kind === 'send') {
      call.recipients = to.length
      call.unit = typeof unit === 'string' ? unit : null
    }
    const fault = world.faults.onCall({
      endpoint: route.endpoint,
      to,
      unit: call.unit ?? undefined,
    })
    if (fault === undefined) return finish(exchange, answer(exchange, raw, body, undefined))
    call.fault = fault.do
    if (fault.do === 'slow') {
      return later(fault.ms ?? 0, () => finish(exchange, answer(exchange, raw, body, undefined)))
    }
    const before = answerBefore(fault, route)
    if (before !== undefined) return finish(exchange, before)
    finish(exchange, alter(fault, answer(exchange, raw, body, fault)))
  }

  function answer(exchange: Exchange, raw: Buffer, body: Fields, fault: Fault | undefined): Answer {
    const { route, channel, seq, call, url } = exchange
    switch (route.kind) {
      case 'send':
        if (channel === undefined) return UNAUTHORIZED
        return send({
          endpoint: route.handler === 'push' ? 'push' : 'multicast',
          channel,
          seq,
          call,
          raw,
          body,
          refusal: fault?.do.startsWith('400-') === true ? fault : undefined,
        })
      case 'validate':
        return refuseMessages(body.messages) ?? EMPTY_OK
      case 'reply':
        return lineError(400, 'Invalid reply token')
      case 'verify':
        return tokenEndpoints.verify(url?.searchParams.get('access_token') ?? null)
      case 'token': {
        const form = new URLSearchParams(raw.toString())
        if (route.handler === 'verify') return tokenEndpoints.verify(form.get('access_token'))
        const handler = route.handler as 'stateless' | 'v21' | 'shortLived' | 'revoke'
        return tokenEndpoints[handler](form)
      }
      case 'account':
        if (channel === undefined || url === undefined) return UNAUTHORIZED
        return accounts[route.handler as keyof typeof accounts]({ channel, url })
    }
  }

  return {
    handle,
    close() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}

/** What a fault answers in place of handling the call: nothing was accepted, no key was looked at. */
function answerBefore(fault: Fault, route: Route): Answer | undefined {
  switch (fault.do) {
    case '401':
      return UNAUTHORIZED
    case '403':
      return FORBIDDEN
    case '429-rate':
      return RATE_EXCEEDED
    case '429-quota':
      return QUOTA_EXCEEDED
    case '429-user':
      return TOO_MANY_FOR_USER
    case '500-before-accept':
      return INTERNAL_ERROR
    case '503':
      return UNAVAILABLE
    case 'drop-before-accept':
      return { status: 0, body: '', cut: 'drop' }
    case '400-bad-user':
    case '400-unnamed':
      return route.kind === 'send' ? undefined : FAILED_TO_SEND
    case '400-content':
      return route.kind === 'send'
        ? undefined
        : fieldErrors([{ message: 'May not be empty', property: 'messages[0].text' }])
    default:
      return undefined
  }
}

/** What a fault makes of an answer that says yes; another answer stands as it is. */
function alter(fault: Fault, answer: Answer): Answer {
  if (answer.status !== 200 && answer.status !== 409) return answer
  switch (fault.do) {
    case '500-after-accept':
      return INTERNAL_ERROR
    case 'accept-then-drop-connection':
      return { status: 0, body: '', cut: 'drop' }
    case 'half-a-reply':
      return { ...answer, body: answer.body.padEnd(64), cut: 'half' }
    case 'garbage-body':
      return { ...answer, status: 200, body: '<html>502 from a proxy that says 200</html>' }
    default:
      return answer
  }
}
