// The channels: secret, limits, quota and what each has used; every channel has its own keys and buckets.
import { createRetryKeys, type RetryKeys } from './retry-keys.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'
import { type Limits, type Quota, type Settings } from './settings.ts'

export interface Channel {
  readonly channelId: string
  channelSecret: string
  /** Own limits; what is absent is taken from the settings. */
  limits: { [Name in keyof Limits]?: Limits[Name] | undefined }
  /** Own quota; absent: that of the settings. */
  quota: Quota | undefined
  /** Public keys (JWK) by `kid`; with none registered, JWT signatures are not verified. */
  publicKeys: Record<string, Record<string, unknown>>
  readonly keys: RetryKeys
  /** Retry keys whose answer is still out, with the number of such calls. */
  readonly keysOnWire: Map<string, number>
  readonly buckets: Map<string, TokenBucket>
  /** `endsAt`: when the month ends, by the simulator's clock. */
  usage: { endsAt: number; sent: number; units: Set<string> }
}

export interface ChannelUpdate {
  channelId: string
  channelSecret: string
  limits?: Channel['limits'] | undefined
  quota?: Quota | undefined
  publicKeys?: Channel['publicKeys'] | undefined
}

export interface Channels {
  find(channelId: string): Channel | undefined
  /** Registers a channel, or changes what is given of a known one. */
  put(update: ChannelUpdate): Channel
  list(): Channel[]
}

export function createChannels(): Channels {
  const byId = new Map<string, Channel>()
  return {
    find: (channelId) => byId.get(channelId),
    list: () => [...byId.values()],
    put({ channelId, channelSecret, limits, quota, publicKeys }) {
      let channel = byId.get(channelId)
      if (channel === undefined) {
        channel = {
          channelId,
          channelSecret,
          limits: {},
          quota: undefined,
          publicKeys: {},
          keys: createRetryKeys(),
          keysOnWire: new Map(),
          buckets: new Map(),
          usage: { endsAt: 0, sent: 0, units: new Set() },
        }
        byId.set(channelId, channel)
      }
      channel.channelSecret = channelSecret
      if (limits !== undefined) channel.limits = limits
      if (quota !== undefined) channel.quota = quota
      if (publicKeys !== undefined) channel.publicKeys = publicKeys
      return channel
    },
  }
}

/** The rate that holds for one bucket; names a rate of the settings or is a number of LINE's own. */
export type RateName = 'multicastPerSecond' | 'pushPerSecond' | 'otherPerSecond' | number

/** Takes a token from the channel's bucket of that endpoint; false means 429. */
export function takeToken(
  channel: Channel,
  bucketName: string,
  rate: RateName,
  settings: Settings,
  wallMs: number,
): boolean {
  const own = channel.limits
  if (!(own.enabled ?? settings.limits.enabled)) return true
  const perSecond = typeof rate === 'number' ? rate : (own[rate] ?? settings.limits[rate])
  const capacity = perSecond * (own.burstSeconds ?? settings.limits.burstSeconds)
  let bucket = channel.buckets.get(bucketName)
  if (bucket === undefined) {
    bucket = createTokenBucket()
    channel.buckets.set(bucketName, bucket)
  }
  return bucket.take(wallMs, perSecond, capacity)
}

const JST_MS = 9 * 60 * 60 * 1000

/** What the channel has used this month; begun anew when the month has changed (UTC+9, as LINE counts days). */
export function usageOf(channel: Channel, nowMs: number): Channel['usage'] {
  if (nowMs >= channel.usage.endsAt) {
    const local = new Date(nowMs + JST_MS)
    const endsAt = Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1) - JST_MS
    channel.usage = { endsAt, sent: 0, units: new Set() }
  }
  return channel.usage
}
