// What LFM asks of LINE, and the one table of what LINE's answers mean (delivery-protocol 7).

/** A LINE message object as LINE's reference has it ("Message objects"); its fields are checked by message-rules.ts. */
export type LineMessage = { type: string } & Record<string, unknown>

/** Credentials and name of a channel, as a call needs them. */
export interface ChannelCredentials {
  /** LINE's channel id, digits. */
  lineChannelId: string
  channelSecret: string
}

/** One call of multicast or push. The same request with the same retry key must be the same bytes. */
export interface LineCall {
  channel: ChannelCredentials
  lane: 'multicast' | 'push'
  /** 1-500 user ids on the multicast lane, exactly one on the push lane. */
  to: readonly string[]
  /** JSON text of the `messages` array, rendered once for all recipients of the request. */
  messagesJson: string
  notificationDisabled: boolean
  /** LINE's customAggregationUnits: at most one name. */
  aggregationUnit: string | null
  /** UUID for X-Line-Retry-Key. */
  retryKey: string
  /** By `performance.now()`: nothing of the call is written later; default: until its deadline. */
  startBy?: number
}

/**
 * What an answer of LINE means; nobody above this port reads a status code.
 * `lineRequestId` is x-line-request-id, null where no answer came.
 */
export type LineAnswer =
  | { kind: 'accepted'; lineRequestId: string | null }
  /** 409 with the accepted id: this key went through earlier; the id is the accepted call's. */
  | { kind: 'accepted-earlier'; lineRequestId: string }
  /** 400 that names one recipient by index into `to`, or the only one (push). */
  | { kind: 'recipient-refused'; index: number; reason: string; lineRequestId: string | null }
  /** 400 that names nobody on the multicast lane: some recipient is refused. */
  | { kind: 'some-recipient-refused'; reason: string; lineRequestId: string | null }
  /** 400 at `messages`. */
  | { kind: 'content-refused'; reason: string; lineRequestId: string | null }
  /** 401 after the token was renewed once. */
  | { kind: 'token-refused'; reason: string; lineRequestId: string | null }
  /** 403, 413 and every other 4xx: plan, size, or our defect. */
  | { kind: 'call-refused'; reason: string; lineRequestId: string | null }
  /** 429 for rate, or for one user: definitely not accepted. */
  | { kind: 'throttled'; reason: string; lineRequestId: string | null }
  /** 429 for the monthly quota, confirmed at the quota endpoints: definitely not accepted. */
  | { kind: 'quota-reached'; reason: string; lineRequestId: string | null }
  /** `startBy` passed before a connection was free: nothing was written, and nothing was wrong. */
  | { kind: 'not-started'; reason: string }
  /** No connection was made: definitely not accepted. */
  | { kind: 'not-connected'; reason: string }
  /** 5xx, deadline, reset, unreadable answer, 409 without id: it may have been accepted. */
  | { kind: 'in-doubt'; reason: string; lineRequestId: string | null }

/** The month's quota of a channel. */
export interface ChannelQuota {
  /** Messages that may be sent this month; null where LINE sets no limit. */
  limit: number | null
  /** Messages counted so far; LINE calls the figure approximate. */
  used: number
}

/** LINE's side, as activities and the API use it. Calls never reject for what LINE answers; they resolve with a LineAnswer. */
export interface LinePort {
  /** Longest time that a send may stay on the wire; its socket is closed then. */
  readonly deadlineMs: number
  /** Sends that can be on the wire at once; further ones wait for a connection. */
  readonly callsAtOnce: number
  /** Gets a token where none is at hand, so that no send waits for one. Resolves in any case: a send says what is wrong. */
  prepare(channel: ChannelCredentials): Promise<void>
  send(call: LineCall): Promise<LineAnswer>
  /** @throws LineRefusal when the token or the channel is refused. */
  quota(channel: ChannelCredentials): Promise<ChannelQuota>
  /** Asks LINE to validate message objects; null where LINE takes them, else LINE's words. @throws LineRefusal */
  validate(
    channel: ChannelCredentials,
    lane: 'multicast' | 'push',
    messages: readonly LineMessage[],
  ): Promise<string | null>
  /** Forgets cached tokens of the channel, after its secret changed. */
  forgetChannel(lineChannelId: string): void
  close(): Promise<void>
}

/** LINE understood a call that is no send, and said no (or couldn't be reached, where `isTemporary`). */
export class LineRefusal extends Error {
  override readonly name = 'LineRefusal'
  readonly isTemporary: boolean
  constructor(message: string, isTemporary: boolean, cause?: unknown) {
    super(message, { cause })
    this.isTemporary = isTemporary
  }
}
