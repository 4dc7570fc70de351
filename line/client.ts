// LINE behind its port: sends with a deadline on own connections, everything else through the SDK.
import { readFileSync } from 'node:fs'
import { classify, type Unsettled } from './classify.ts'
import { DeadlinePassed, within } from './deadline.ts'
import {
  LineRefusal,
  type ChannelCredentials,
  type ChannelQuota,
  type LineAnswer,
  type LineCall,
  type LinePort,
} from './port.ts'
import { createPoster } from './post.ts'
import { bodyOf } from './request-body.ts'
import { issueToken, readQuota, validateMessages } from './sdk-calls.ts'
import { createTokens, type Clock } from './tokens.ts'

export interface LineOptions {
  /** LINE's, `https://api.line.me`, or a simulator's. */
  baseUrl: string
  /** Longest time of a send on the wire, retries after a 401 included. Default 10,000. */
  deadlineMs?: number
  /** Most connections for sends. 2,000 push/s at 100 ms need about 200. Default 512. */
  connections?: number
  /** Default `LFM/<version>`. */
  userAgent?: string
  clock: Clock
}

const paths = {
  multicast: '/v2/bot/message/multicast',
  push: '/v2/bot/message/push',
} as const

/**
 * Opens LINE. The composition root also calls `installLineDispatcher`, so that calls other than sends have a deadline
 * that closes their sockets.
 */
export function createLine(options: LineOptions): LinePort {
  const { baseUrl, deadlineMs = 10_000, connections = 512, clock } = options
  const userAgent = options.userAgent ?? `LFM/${versionOfLfm()}`
  const sdk = { baseUrl, userAgent, deadlineMs }
  const base = new URL(baseUrl)
  const poster = createPoster({
    origin: base.origin,
    connections,
    // Half of the deadline, so that a host that swallows packets is told from a silent LINE.
    connectTimeoutMs: Math.ceil(deadlineMs / 2),
  })
  const tokens = createTokens({ issue: (channel) => issueToken(sdk, channel), clock })
  const quotaReads = new Map<string, Promise<ChannelQuota>>()

  async function send(call: LineCall): Promise<LineAnswer> {
    // One bound over all tries: permits count on no key being on the wire after deadlineMs from the start.
    const endsAt = performance.now() + deadlineMs
    const body = bodyOf(call)
    const token = await tokenUntil(endsAt, () => tokens.get(call.channel))
    if (typeof token !== 'string') return token

    const first = await sendOnce(call, body, token, endsAt)
    if (first.kind === 'needs-quota') return settleQuota(call, first)
    if (first.kind !== 'needs-token') return first

    const renewed = await tokenUntil(endsAt, () => tokens.renew(call.channel, token))
    if (typeof renewed !== 'string') return renewed
    const second = await sendOnce(call, body, renewed, endsAt)
    if (second.kind === 'needs-quota') return settleQuota(call, second)
    return second.kind === 'needs-token' ? { ...second, kind: 'token-refused' } : second
  }

  /**
   * A token, or what its absence means for the call. Nothing of this try was sent, and an earlier try got a 401, so a
   * token that can't be had for now is the same as no connection.
   */
  async function tokenUntil(
    endsAt: number,
    ask: () => Promise<string>,
  ): Promise<string | LineAnswer> {
    try {
      return await within(ask(), endsAt - performance.now(), 'A channel access token')
    } catch (error) {
      if (error instanceof DeadlinePassed) return { kind: 'not-connected', reason: error.message }
      if (!(error instanceof LineRefusal)) throw error
      const reason = error.message
      return error.isTemporary
        ? { kind: 'not-connected', reason }
        : { kind: 'token-refused', reason, lineRequestId: null }
    }
  }

  async function sendOnce(
    call: LineCall,
    body: string,
    token: string,
    endsAt: number,
  ): Promise<LineAnswer | Unsettled> {
    const remainingMs = endsAt - performance.now()
    if (remainingMs <= 0) {
      return { kind: 'not-connected', reason: 'No time was left for the call.' }
    }
    const result = await poster.post({
      path: paths[call.lane],
      headers: {
        'content-type': 'application/json',
        'user-agent': userAgent,
        authorization: `Bearer ${token}`,
        'x-line-retry-key': call.retryKey,
      },
      body,
      deadlineMs: remainingMs,
      startBy: call.startBy ?? endsAt,
    })
    if (result.kind === 'not-started') return result
    if (result.kind === 'not-sent') return { kind: 'not-connected', reason: result.reason }
    if (result.kind === 'cut-off') {
      return { kind: 'in-doubt', reason: result.reason, lineRequestId: null }
    }
    return classify(call.lane, call.to.length, result)
  }

  /** LINE's text for a used-up month also comes while another send holds a reservation; the figures decide. */
  async function settleQuota(
    call: LineCall,
    unsettled: Extract<Unsettled, { kind: 'needs-quota' }>,
  ): Promise<LineAnswer> {
    const { reason, lineRequestId } = unsettled
    try {
      const { limit, used } = await sharedQuota(call.channel)
      if (limit !== null && limit - used < call.to.length) {
        const figures = `${used} of ${limit} messages of the month are used.`
        return { kind: 'quota-reached', reason: `${reason} ${figures}`, lineRequestId }
      }
      return { kind: 'throttled', reason: `${reason} Quota is left.`, lineRequestId }
    } catch (error) {
      if (!(error instanceof LineRefusal)) throw error
      // Unconfirmed: it was not accepted either way, and the next try asks again.
      return { kind: 'throttled', reason: `${reason} ${error.message}`, lineRequestId }
    }
  }

  /** Concurrent refusals of one channel ask for the figures once. */
  function sharedQuota(channel: ChannelCredentials): Promise<ChannelQuota> {
    const running = quotaReads.get(channel.lineChannelId)
    if (running !== undefined) return running
    const read = readQuota(sdk, tokens, channel).finally(() => {
      quotaReads.delete(channel.lineChannelId)
    })
    quotaReads.set(channel.lineChannelId, read)
    return read
  }

  return {
    deadlineMs,
    callsAtOnce: connections,
    async prepare(channel) {
      await within(tokens.get(channel), deadlineMs, 'A channel access token').catch(() => undefined)
    },
    send,
    quota: (channel) => readQuota(sdk, tokens, channel),
    validate: (channel, lane, messages) => validateMessages(sdk, tokens, channel, lane, messages),
    forgetChannel: (lineChannelId) => tokens.forget(lineChannelId),
    close: () => poster.close(),
  }
}

function versionOfLfm(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
