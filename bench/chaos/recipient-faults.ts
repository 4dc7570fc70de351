// LINE that refuses or fails for single recipients, and a warehouse with rows that can't be sent.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { friendId } from './audience.ts'
import { type Facts, type FaultKind, faultKind, type Params } from './fault.ts'
import { type LineLane } from './line-control.ts'
import { type Random } from './random.ts'
import { type ChaosSystem } from './system.ts'

/** Friends by number, of each lane. */
interface Chosen extends Params {
  multicast: readonly number[]
  push: readonly number[]
}

const lanes: readonly LineLane[] = ['multicast', 'push']

function choose(random: Random, facts: Facts, most: number): Chosen {
  return {
    multicast: facts.takeFriends('multicast', random.whole(1, most)),
    push: facts.takeFriends('push', random.whole(1, most)),
  }
}

const everybody = ({ multicast, push }: Chosen) => [...multicast, ...push]

interface Rule {
  do: string
  times?: number
}

/** Posts rules for each of these friends, before anybody is sent to; resolves with the ids of the first rule of each. */
async function postRules(system: ChaosSystem, chosen: Chosen, rules: Rule[]): Promise<string[]> {
  const ids: string[] = []
  for (const on of lanes)
    for (const n of chosen[on])
      for (const [i, { times, ...rule }] of rules.entries()) {
        const containsUser = friendId(system.plan.seed, n)
        const when = { containsUser, ...(times !== undefined && { times }) }
        const id = await system.line.addRule({ ...rule, on, when })
        if (i === 0) ids.push(id)
      }
  return ids
}

/** Rules of the run that is under way, from `prepare` to `run`. */
function kindWithRules<P extends Chosen>(options: {
  name: string
  excludes?: readonly string[]
  draw: (random: Random, facts: Facts) => P
  rules: (params: P) => Rule[]
  effects?: (
    params: NoInfer<P>,
  ) => ReturnType<NonNullable<Parameters<typeof faultKind>[0]['effects']>>
  /** When every rule has fallen on a call. */
  afterwards?: (system: ChaosSystem, ids: string[], params: P) => Promise<string>
}): FaultKind {
  const posted = new WeakMap<ChaosSystem, string[]>()
  const { name, excludes, draw, effects } = options
  return faultKind<P>({
    name,
    point: 'own',
    ...(excludes && { excludes }),
    draw,
    ...(effects && { effects }),
    async prepare(system, params) {
      posted.set(system, await postRules(system, params, options.rules(params)))
    },
    async run(system, params) {
      const ids = posted.get(system) ?? []
      await system.until(`${name} had fallen on everybody drawn`, async () => {
        const fired = await Promise.all(ids.map((id) => system.line.fired(id)))
        return fired.every((times) => times > 0)
      })
      const more = await options.afterwards?.(system, ids, params)
      return `fell on ${ids.length} recipients${more ?? ''}`
    },
  })
}

const named = kindWithRules({
  name: 'line-400-named',
  excludes: ['line-recipients-first', 'line-burns-keys'],
  draw: (random, facts) => choose(random, facts, 3),
  rules: () => [{ do: '400-bad-user' }],
  effects: (chosen) => ({ rejected: everybody(chosen) }),
})

const unnamed = kindWithRules({
  name: 'line-400-unnamed',
  excludes: ['line-recipients-first', 'line-burns-keys'],
  draw: (random, facts) => choose(random, facts, 2),
  rules: () => [{ do: '400-unnamed' }],
  effects: (chosen) => ({ rejected: everybody(chosen) }),
})

const tooManyForOne = kindWithRules({
  name: 'line-429-user',
  draw: (random, facts) => ({ ...choose(random, facts, 2), times: random.whole(2, 7) }),
  rules: ({ times }) => [{ do: '429-user', times }],
})

const oneBody = kindWithRules({
  name: 'line-one-body-500',
  draw: (random, facts) => ({
    ...choose(random, facts, 1),
    lastsMs: facts.ms(random.whole(30_000, 90_000)),
  }),
  rules: () => [{ do: '500-before-accept' }],
  async afterwards(system, ids, { lastsMs }) {
    await sleep(lastsMs, undefined, { signal: system.signal })
    const fired = await Promise.all(ids.map((id) => system.line.fired(id)))
    for (const id of ids) await system.line.removeRule(id)
    return `, ${fired.reduce((sum, times) => sum + times, 0)} times`
  },
})

/** Refused after LINE has accepted and its answer got lost: the key tells, whatever is said of the recipient. */
const refusedLate = kindWithRules({
  name: 'line-400-after-accept',
  excludes: ['line-recipients-first', 'line-burns-keys'],
  draw: (random, facts) => choose(random, facts, 2),
  rules: () => [{ do: 'accept-then-drop-connection', times: 1 }, { do: '400-bad-user' }],
})

const mostInRequest = 500

/** The same where LINE looks at the recipients first: nobody can tell, so the whole request stays unknown. */
const recipientsFirst = kindWithRules({
  name: 'line-recipients-first',
  excludes: ['line-strangers'],
  draw: (random, facts) => choose(random, facts, 1),
  rules: () => [{ do: 'accept-then-drop-connection', times: 1 }, { do: '400-bad-user' }],
  effects: ({ multicast, push }) => ({
    switches: { keyCheckedBeforeValidation: false },
    unknown: {
      from: multicast.length + push.length,
      to: multicast.length * mostInRequest + push.length,
      because:
        'LINE looks at the recipients before the retry key, and refuses requests that it may have accepted',
    },
  }),
})

const strangers = faultKind({
  name: 'line-strangers',
  point: 'own',
  excludes: ['line-burns-keys'],
  draw: (random, facts) => ({
    ...choose(random, facts, 3),
    strangers: random.pick(['friend', 'unknown']),
    unknownIdInMulticast: random.pick(['skip', 'reject']),
    unknownIdInPush: random.pick(['skip', 'reject']),
  }),
  effects({ multicast, push, ...switches }) {
    const notLoaded = [...multicast, ...push]
    if (switches.strangers === 'friend') return { notLoaded, switches }
    const unseen: number[] = []
    const rejected: number[] = []
    ;(switches.unknownIdInMulticast === 'skip' ? unseen : rejected).push(...multicast)
    ;(switches.unknownIdInPush === 'skip' ? unseen : rejected).push(...push)
    return { notLoaded, switches, rejected, acceptedUnseen: unseen }
  },
  async run(system, chosen) {
    await system.until('most were sent to', async () => (await system.share()) > 0.7)
    return `${everybody(chosen).length} recipients whom LINE has never seen`
  },
})

const burnsKeys = faultKind({
  name: 'line-burns-keys',
  point: 'own',
  draw: (random) => ({
    keyClock: random.pick(['firstCall', 'accepted']),
    duplicateIdsInTo: random.pick(['once', 'twice', 'reject']),
  }),
  effects: (switches) => ({ switches: { ...switches, keyBurntBy4xx: true } }),
  async run(system) {
    await system.until('most were sent to', async () => (await system.share()) > 0.7)
    return 'LINE had these switches throughout'
  },
})

const brokenRows = faultKind({
  name: 'rows-broken',
  point: 'own',
  draw: (random, facts) => ({ ...choose(random, facts, 5), repeated: random.whole(1, 50) }),
  effects: (params) => ({
    skipped: everybody(params),
    malformedRows: 5,
    repeatedRows: params.repeated,
  }),
  async run(system) {
    await system.until('most were sent to', async () => (await system.share()) > 0.7)
    const audience = system.last()?.plan?.audience
    return `${audience?.malformed ?? 0} malformed, ${audience?.duplicates ?? 0} duplicates`
  },
})

const tableDeleted = faultKind({
  name: 'table-deleted',
  draw: () => ({}),
  async run(system) {
    rmSync(join(system.embedded.dataDir, 'tables', 'friends'), { recursive: true })
    return "the segment's table was deleted in mid-delivery"
  },
})

export const recipientKinds: readonly FaultKind[] = [
  named,
  unnamed,
  tooManyForOne,
  oneBody,
  refusedLate,
  recipientsFirst,
  strangers,
  burnsKeys,
  brokenRows,
  tableDeleted,
]
