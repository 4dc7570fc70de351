// Watches for pauses that the product made by itself: the plan's are resumed as an operator would, others are failures.
import { type Delivery } from '../deliveries.ts'
import { type ChaosSystem } from './system.ts'

export interface PauseWatch {
  look: (delivery: Delivery) => void
  /** Pauses that the plan foresaw, each resumed. */
  foreseen(): number
  failures(): string[]
}

/** An operator needs a moment; a fault that caused the pause takes its cause away meanwhile. */
const operatorTakesMs = 2_000

export function watchPauses(system: ChaosSystem, tell: (line: string) => void): PauseWatch {
  const reasons = system.plan.faults.flatMap(({ effects }) => effects.pausesFor ?? [])
  const failures: string[] = []
  const seen = new Set<string>()
  let foreseen = 0

  async function resume(at: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, operatorTakesMs))
    await system.parts.alone(['gate'], async () => {
      const gate = system.last()?.gate
      if (gate?.at === at && gate.position === 'paused')
        await system.operate('resume', 'the cause is gone')
    })
  }

  return {
    look({ gate }) {
      const { at } = gate
      if (gate.position !== 'paused' || gate.by !== 'LFM' || at === null || seen.has(at)) return
      seen.add(at)
      const why = gate.why ?? ''
      if (reasons.some((reason) => reason.test(why))) foreseen += 1
      else failures.push(`It paused by itself: ${why}`)
      tell(`paused by LFM: ${why}`)
      resume(at).catch((error: unknown) => tell(`could not be resumed: ${String(error)}`))
    },
    foreseen: () => foreseen,
    failures: () => [...failures],
  }
}
