// What may be set while the simulator runs: latency, limits, quota, and a switch for each thing LINE leaves unsaid.
import { z } from 'zod'

export interface Limits {
  multicastPerSecond: number
  pushPerSecond: number
  /** Every other endpoint, each on its own. */
  otherPerSecond: number
  /** A bucket holds rate x burstSeconds tokens. LINE does not publish its capacity. */
  burstSeconds: number
  enabled: boolean
}

export type Quota = { type: 'none' } | { type: 'limited'; value: number }

export interface Switches {
  unknownIdInMulticast: 'skip' | 'reject'
  unknownIdInPush: 'reject' | 'skip'
  /** What a well-formed id is that was never loaded: a friend who gets a phone at first receipt, or unknown. */
  strangers: 'friend' | 'unknown'
  keyCheckedBeforeValidation: boolean
  keyBurntBy4xx: boolean
  keyClock: 'firstCall' | 'accepted'
  duplicateIdsInTo: 'once' | 'twice' | 'reject'
}

export interface Settings {
  /** Every answer of LINE's own endpoints is given after latencyMs ± jitterMs. */
  latencyMs: number
  jitterMs: number
  /** Seed of the jitter and of the faults' `share`. */
  seed: number
  /** True: a channel nobody registered is registered by its first token request. */
  autoChannels: boolean
  limits: Limits
  quota: Quota
  switches: Switches
}

const rate = z.number().min(0).max(1_000_000)
const ms = z.number().min(0).max(600_000)

export const limitsSchema = z
  .strictObject({
    multicastPerSecond: rate,
    pushPerSecond: rate,
    otherPerSecond: rate,
    burstSeconds: z.number().min(0.001).max(3600),
    enabled: z.boolean(),
  })
  .partial()

export const quotaSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('limited'), value: z.int().min(0) }),
])

const switchesSchema = z
  .strictObject({
    unknownIdInMulticast: z.enum(['skip', 'reject']),
    unknownIdInPush: z.enum(['reject', 'skip']),
    strangers: z.enum(['friend', 'unknown']),
    keyCheckedBeforeValidation: z.boolean(),
    keyBurntBy4xx: z.boolean(),
    keyClock: z.enum(['firstCall', 'accepted']),
    duplicateIdsInTo: z.enum(['once', 'twice', 'reject']),
  })
  .partial()

/** A change of settings: any part of them, nothing else. */
export const settingsPatchSchema = z
  .strictObject({
    latencyMs: ms,
    jitterMs: ms,
    seed: z.int().min(0).max(0xffffffff),
    autoChannels: z.boolean(),
    limits: limitsSchema,
    quota: quotaSchema,
    switches: switchesSchema,
  })
  .partial()

export type SettingsPatch = z.infer<typeof settingsPatchSchema>

export function defaultSettings(): Settings {
  return {
    latencyMs: 0,
    jitterMs: 0,
    seed: 1,
    autoChannels: true,
    limits: {
      multicastPerSecond: 200,
      pushPerSecond: 2000,
      otherPerSecond: 2000,
      burstSeconds: 1,
      enabled: true,
    },
    quota: { type: 'none' },
    switches: {
      unknownIdInMulticast: 'skip',
      unknownIdInPush: 'reject',
      strangers: 'friend',
      keyCheckedBeforeValidation: true,
      keyBurntBy4xx: false,
      keyClock: 'firstCall',
      duplicateIdsInTo: 'once',
    },
  }
}

/** Changes `settings` in place, so that every part that holds them sees the change. */
export function applyPatch(settings: Settings, patch: SettingsPatch): void {
  const { limits, switches, ...plain } = patch
  Object.assign(settings, plain)
  Object.assign(settings.limits, limits)
  Object.assign(settings.switches, switches)
}
