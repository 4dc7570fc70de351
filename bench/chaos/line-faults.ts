// LINE that fails: on some calls, in bursts, for a while, or for one recipient.
import { type FaultKind, faultKind } from './fault.ts'
import { type LineLane } from './line-control.ts'
import { type ChaosSystem } from './system.ts'

const patterns = ['1 %', '30 %', 'a burst'] as const
const lanes: readonly LineLane[] = ['multicast', 'push']
const pushLane: readonly LineLane[] = ['push']

interface Spell {
  on: readonly LineLane[]
  do: string
  when: Readonly<Record<string, number>>
  lastsMs: number
  waitMs?: number
}

/** The one lane that a fault falls on. */
const onlyLane = ({ on }: { on: readonly LineLane[] }) => (on.length === 1 ? on[0] : undefined)

/** Lets a fault fall until its time is over, and longer where it has not fallen on any call yet. */
async function castSpell(system: ChaosSystem, spell: Spell): Promise<string> {
  // A connection that is refused has no unit yet.
  const unit: Record<string, string> = spell.do === 'refuse-connection' ? {} : { unit: system.unit }
  const rules: { on: LineLane; id: string; fired: number }[] = []
  for (const on of spell.on) {
    const id = await system.line.addRule({
      on,
      do: spell.do,
      when: { ...unit, ...spell.when },
      ...(spell.waitMs !== undefined && { ms: spell.waitMs }),
    })
    rules.push({ on, id, fired: 0 })
  }
  const endsAt = performance.now() + spell.lastsMs
  try {
    await system.until(`${spell.do} had fallen on ${spell.on.join(' or ')}`, async () => {
      for (const rule of rules) rule.fired = await system.line.fired(rule.id)
      return performance.now() > endsAt && rules.some(({ fired }) => fired > 0)
    })
  } finally {
    for (const { id } of rules) await system.line.removeRule(id)
  }
  return rules.map(({ on, fired }) => `${fired} ${on} calls`).join(', ')
}

/** A kind of answer, or of none, on a share of the calls of one lane or both. */
function failing(kind: string): FaultKind {
  return faultKind({
    name: `line-${kind}`,
    draw(random, facts) {
      const pattern = random.pick(patterns)
      const on: readonly LineLane[] = random.pick([['multicast'], ['push'], lanes])
      const rareIsEvery = Math.max(10, Math.round(100 * Math.min(1, facts.pushes / 1_000)))
      const when: Record<string, number> =
        pattern === '1 %'
          ? { every: rareIsEvery }
          : pattern === '30 %'
            ? { share: 0.3 }
            : { times: random.whole(5, 40) }
      const lastsMs = facts.ms(pattern === 'a burst' ? 5_000 : random.whole(10_000, 40_000))
      // One multicast call in a hundred may be none at all.
      return { pattern, on: pattern === '1 %' ? pushLane : on, when, lastsMs }
    },
    lane: onlyLane,
    run: (system, params) => castSpell(system, { ...params, do: kind }),
  })
}

const unavailable = faultKind({
  name: 'line-503',
  draw: (_random, facts) => ({ lastsMs: facts.ms(120_000) }),
  run: (system, { lastsMs }) => castSpell(system, { on: lanes, do: '503', when: {}, lastsMs }),
})

const slow = faultKind({
  name: 'line-slow',
  draw: (random, facts) => ({
    on: pushLane,
    waitMs: facts.ms(45_000),
    share: random.pick([0.05, 0.3] as const),
    lastsMs: facts.ms(random.whole(10_000, 30_000)),
  }),
  lane: onlyLane,
  run: (system, { on, waitMs, share, lastsMs }) =>
    castSpell(system, { on, do: 'slow', when: { share }, lastsMs, waitMs }),
})

export const lineKinds: readonly FaultKind[] = [
  ...[
    'refuse-connection',
    'drop-before-accept',
    'accept-then-drop-connection',
    '500-before-accept',
    '500-after-accept',
    'half-a-reply',
    'garbage-body',
    '429-rate',
  ].map(failing),
  unavailable,
  slow,
]
