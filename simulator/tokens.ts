// Channel access tokens: opaque, each good for one channel until it expires or is revoked.
import { randomBytes } from 'node:crypto'
import { type Channel } from './channels.ts'

export type TokenKind = 'stateless' | 'v2.1' | 'short-lived'

/** Lives in milliseconds, as LINE has them; a v2.1 token's life is chosen by its caller. */
export const STATELESS_MS = 15 * 60 * 1000
export const SHORT_LIVED_MS = 30 * 24 * 60 * 60 * 1000
/** Tokens of one kind a channel may have alive; stateless ones are not counted. */
export const MOST_ALIVE = 30

export interface Token {
  readonly value: string
  readonly keyId: string
  readonly kind: TokenKind
  readonly channel: Channel
  readonly expiresAt: number
}

export interface Tokens {
  issue(channel: Channel, kind: TokenKind, lifeMs: number): Token
  /** The token of an `Authorization` header, if it is known and alive. One look-up, however many there are. */
  authenticate(header: string | undefined): Token | undefined
  find(value: string): Token | undefined
  alive(channel: Channel, kind: TokenKind): Token[]
  revoke(value: string): boolean
  /** Revokes every token of the channel and returns how many there were. */
  revokeAll(channel: Channel): number
}

const SWEEP_EVERY = 1000

/** @param nowMs the clock that a test may move on: tokens age with it. */
export function createTokens(nowMs: () => number): Tokens {
  const byHeader = new Map<string, Token>()
  let issued = 0

  function sweep() {
    for (const [header, { expiresAt }] of byHeader)
      if (expiresAt <= nowMs()) byHeader.delete(header)
  }

  function authenticate(header: string | undefined): Token | undefined {
    const token = header === undefined ? undefined : byHeader.get(header)
    return token !== undefined && token.expiresAt > nowMs() ? token : undefined
  }

  const ofChannel = (channel: Channel) =>
    [...byHeader.values()].filter((token) => token.channel === channel)

  return {
    authenticate,
    find: (value) => authenticate(`Bearer ${value}`),
    issue(channel, kind, lifeMs) {
      if (++issued % SWEEP_EVERY === 0) sweep()
      const value = randomBytes(48).toString('base64url')
      const keyId = randomBytes(16).toString('base64url')
      const token = { value, keyId, kind, channel, expiresAt: nowMs() + lifeMs }
      byHeader.set(`Bearer ${value}`, token)
      return token
    },
    alive: (channel, kind) =>
      ofChannel(channel).filter((token) => token.kind === kind && token.expiresAt > nowMs()),
    revoke: (value) => byHeader.delete(`Bearer ${value}`),
    revokeAll(channel) {
      const all = ofChannel(channel)
      for (const token of all) byHeader.delete(`Bearer ${token.value}`)
      return all.length
    },
  }
}
