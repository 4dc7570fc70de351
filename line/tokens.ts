// Stateless channel access tokens: one cache for the process, renewed before they expire.
import { createHash } from 'node:crypto'
import { type ChannelCredentials } from './port.ts'

/** A token as LINE issues it. */
export interface IssuedToken {
  token: string
  /** Seconds from the moment of issue (900 at LINE). */
  expiresInSeconds: number
}

/** Milliseconds since 1970, as the wall clock has them. */
export interface Clock {
  now(): number
}

export interface Tokens {
  /** A token that is still valid. Rejects with what `issue` rejects with. */
  get(channel: ChannelCredentials): Promise<string>
  /**
   * Another token than the one that LINE just refused. Calls that failed with the same token share one renewal.
   */
  renew(channel: ChannelCredentials, failedToken: string): Promise<string>
  /** Forgets all tokens of a channel. */
  forget(lineChannelId: string): void
}

interface Entry {
  lineChannelId: string
  current: { token: string; renewAt: number; expiresAt: number } | undefined
  renewal: Promise<string> | undefined
  /** After a failed renewal in the background, the next one isn't tried before this. */
  restsUntil: number
}

/** A token is not used in its last moments: it must still be valid when LINE reads it. */
const safetyMarginMs = 15_000
/** Pause after a failed renewal in the background. */
const renewalPauseMs = 5_000

/**
 * Tokens of any number of channels. They are renewed at two thirds of their life, in the background.
 * LINE lets any number of stateless tokens live side by side, so processes need not agree on one.
 */
export function createTokens(deps: {
  issue: (channel: ChannelCredentials) => Promise<IssuedToken>
  clock: Clock
}): Tokens {
  const entries = new Map<string, Entry>()

  function entryOf(channel: ChannelCredentials): Entry {
    // The secret is part of the name, so that a rotated secret takes effect at once; hashed, so that the
    // cache doesn't spread it.
    const hash = createHash('sha256').update(channel.channelSecret).digest('base64')
    const name = `${channel.lineChannelId}/${hash}`
    let entry = entries.get(name)
    if (entry === undefined) {
      entry = {
        lineChannelId: channel.lineChannelId,
        current: undefined,
        renewal: undefined,
        restsUntil: 0,
      }
      entries.set(name, entry)
    }
    return entry
  }

  function renewOnce(entry: Entry, channel: ChannelCredentials): Promise<string> {
    entry.renewal ??= issueInto(entry, channel).finally(() => {
      entry.renewal = undefined
    })
    return entry.renewal
  }

  async function issueInto(entry: Entry, channel: ChannelCredentials): Promise<string> {
    // Counted from before the call, so that the answer's travel time shortens the life and never lengthens it.
    const askedAt = deps.clock.now()
    const { token, expiresInSeconds } = await deps.issue(channel)
    const lifeMs = expiresInSeconds * 1000
    entry.current = {
      token,
      renewAt: askedAt + (lifeMs * 2) / 3,
      expiresAt: askedAt + Math.max(lifeMs - safetyMarginMs, lifeMs / 2),
    }
    return token
  }

  return {
    async get(channel) {
      const entry = entryOf(channel)
      const now = deps.clock.now()
      const { current } = entry
      if (current === undefined || now >= current.expiresAt) return renewOnce(entry, channel)
      if (now >= current.renewAt && now >= entry.restsUntil && entry.renewal === undefined) {
        // A failure here loses nothing: the token at hand is still valid, and once it isn't, the failure
        // reaches the caller.
        renewOnce(entry, channel).catch(() => {
          entry.restsUntil = deps.clock.now() + renewalPauseMs
        })
      }
      return current.token
    },
    async renew(channel, failedToken) {
      const entry = entryOf(channel)
      const { current } = entry
      if (current !== undefined && current.token !== failedToken) return current.token
      return renewOnce(entry, channel)
    },
    forget(lineChannelId) {
      for (const [name, entry] of entries) {
        if (entry.lineChannelId === lineChannelId) entries.delete(name)
      }
    },
  }
}
