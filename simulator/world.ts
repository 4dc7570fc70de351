// Everything the simulator knows, in one object: it can be emptied as a whole between two tests.
import { randomBytes } from 'node:crypto'
import { createCalls, type Calls } from './calls.ts'
import { createChannels, type Channels } from './channels.ts'
import { createClock, type Clock } from './clock.ts'
import { createFaults, type Faults } from './faults.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createPhones, type Phones } from './phones.ts'
import { createRandom } from './random.ts'
import { applyPatch, defaultSettings, type Settings, type SettingsPatch } from './settings.ts'
import { createTokens, type Tokens } from './tokens.ts'
import { createViolations, type Violations } from './violations.ts'

export interface World {
  readonly clock: Clock
  readonly settings: Settings
  readonly calls: Calls
  readonly violations: Violations
  readonly faults: Faults
  phones: Phones
  channels: Channels
  tokens: Tokens
  ledger: Ledger
  /** A number for each call, from 1; its request id and message ids are made from it. */
  nextSeq(): number
  requestId(seq: number): string
  /** How long the next answer is held back: latencyMs ± jitterMs, by the seed. */
  nextLatencyMs(): number
  changeSettings(patch: SettingsPatch): void
  /** Forgets everything but what is named. Calls that are under way end as they would have. */
  reset(keep: ReadonlySet<string>): void
}

/** What a reset may be asked to keep. */
export const KEEPABLE = ['phones', 'channels', 'settings']

export function createWorld(patch: SettingsPatch): World {
  const clock = createClock()
  const settings = defaultSettings()
  applyPatch(settings, patch)
  let random = createRandom(settings.seed)
  let seq = 0
  const instance = randomBytes(8).toString('hex')
  const idHead = `${instance.slice(0, 8)}-${instance.slice(8, 12)}-4${instance.slice(12, 15)}-8000-`

  const world: World = {
    clock,
    settings,
    calls: createCalls(clock.wallMs),
    violations: createViolations(),
    faults: createFaults(),
    phones: createPhones(),
    channels: createChannels(),
    tokens: createTokens(clock.nowMs),
    ledger: createLedger(),
    nextSeq: () => ++seq,
    requestId: (no) => idHead + no.toString(16).padStart(12, '0'),
    nextLatencyMs() {
      const { latencyMs, jitterMs } = settings
      if (jitterMs === 0) return latencyMs
      return Math.max(0, latencyMs + (random() * 2 - 1) * jitterMs)
    },
    changeSettings(change) {
      applyPatch(settings, change)
      if (change.seed !== undefined) random = createRandom(change.seed)
    },
    reset(keep) {
      clock.reset()
      world.calls.reset()
      world.violations.reset()
      world.faults.clear()
      world.ledger = createLedger()
      if (!keep.has('phones')) world.phones = createPhones()
      // Kept channels keep secret and limits; their keys, usage and tokens are forgotten with the rest.
      const kept = keep.has('channels') ? world.channels.list() : []
      world.channels = createChannels()
      for (const channel of kept) world.channels.put(channel)
      world.tokens = createTokens(clock.nowMs)
      if (!keep.has('settings')) applyPatch(settings, defaultSettings())
      random = createRandom(settings.seed)
    },
  }
  return world
}
