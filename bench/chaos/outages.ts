// Parts that die or are away: Temporal, PostgreSQL, the API, or all at once, for a moment or for more than a day.
import { setTimeout as sleep } from 'node:timers/promises'
import { agePast } from '../ageing.ts'
import { type FaultKind, faultKind, NotHit } from './fault.ts'
import { type ChaosSystem } from './system.ts'

const worker = 'worker'
const absentForMs = 60_000

function refuseOver(system: ChaosSystem): void {
  if (system.isOver()) throw new NotHit('The delivery had ended before.')
}

/** Kills a part and brings it up after a while. */
function outage(name: string, part: string, absentMs: number): FaultKind {
  return faultKind({
    name,
    draw: (_random, facts) => ({ absentMs: facts.ms(absentMs) }),
    run: (system, params) =>
      system.parts.alone([part], async () => {
        refuseOver(system)
        await system.parts.kill(part)
        await sleep(params.absentMs)
        await system.parts.bringUp(part)
        return `${part} was killed and away for ${params.absentMs / 1_000} s`
      }),
  })
}

const powerCut = faultKind({
  name: 'power-cut',
  draw: (random, facts) => ({ darkMs: facts.ms(random.whole(0, 20_000)) }),
  run: (system, { darkMs }) => {
    const all = ['postgres', 'temporal', worker, 'api']
    return system.parts.alone(all, async () => {
      refuseOver(system)
      await Promise.all(all.toReversed().map((part) => system.parts.kill(part)))
      await sleep(darkMs)
      for (const part of all) await system.parts.bringUp(part)
      return 'worker, API, Temporal and PostgreSQL were killed at once and started in order'
    })
  },
})

const hours = 30

/** Requests whose answer was out when the light went off can't be asked for again after 24 hours. */
const longPowerCut = faultKind({
  name: 'power-cut-30-hours',
  // These need calls to everybody drawn, and what was in doubt is not called again.
  excludes: [
    'line-400-named',
    'line-400-unnamed',
    'line-400-after-accept',
    'line-429-user',
    'line-one-body-500',
    'line-recipients-first',
  ],
  draw: () => ({ hours }),
  // Many may be unknown then, more than the campaign lets pass unasked.
  effects: () => ({ pausesFor: /can't be reached/ }),
  run: (system) => {
    const { parts, ledger, embedded } = system
    const all = ['postgres', 'temporal', worker, 'api']
    return parts.alone(all, async () => {
      refuseOver(system)
      const id = await system.deliveryId
      await Promise.all(all.toReversed().map((part) => parts.kill(part)))
      await parts.bringUp('postgres')
      const [{ accepted, open }, doubtful] = await Promise.all([
        ledger.sums(id),
        ledger.doubtful(id),
      ])
      const reached = await system.line.acceptedRecipients(system.unit)
      const { databaseUrl, line: lineUrl } = embedded.addresses
      await agePast({ databaseUrl, lineUrl, hours })
      system.foresee({
        from: Math.max(0, reached - accepted),
        to: Math.min(open, doubtful),
        because: `LINE had accepted ${reached} recipients when the power was cut and the ledger knew of ${accepted}; of ${open} recipients of begun batches without an outcome at most ${doubtful} had a request that a permit was for`,
      })
      for (const part of all.slice(1)) await parts.bringUp(part)
      return `everything was killed, and started ${hours} hours later`
    })
  },
})

export const outageKinds: readonly FaultKind[] = [
  outage('temporal-kill', 'temporal', 0),
  outage('temporal-absent', 'temporal', absentForMs),
  outage('postgres-kill', 'postgres', 0),
  outage('postgres-absent', 'postgres', absentForMs),
  outage('api-kill', 'api', 0),
  powerCut,
  longPowerCut,
]
