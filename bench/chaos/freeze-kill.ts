// A kill of the worker with -9 while it freezes the audience: before, between and after the files of the plan.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TcpProxy } from '../tcp-proxy.ts'
import { type FaultKind, faultKind, NotHit } from './fault.ts'
import { type ChaosSystem } from './system.ts'
import { isTemporary, namesIn, warehouse } from './warehouse-folder.ts'

const worker = 'worker'
/** Often enough to meet a file that is there for some ten milliseconds. */
const closelyMs = 2
/** Attempts of the freeze of which one is to be met at its point; Temporal waits for up to 10 s between two. */
const mostTries = 12

const lastPoint = 'after its files'
const points = ['before its files', 'between its files', lastPoint] as const

/**
 * Keeps every plan from being committed: the way is silent from the insert on, so that however late it is noticed, the
 * commit does not get through.
 */
function holdPlans(postgres: TcpProxy) {
  let isWanted = true
  let isHeld = false
  postgres.onClientBytes((bytes) => {
    if (!isWanted || !bytes.includes('insert into "plan"')) return
    isHeld = true
    postgres.set('stalled')
  })
  return {
    isHeld: () => isHeld,
    /** Takes what was inserted back, by cutting the connection; the next plan is held again. */
    takeBack() {
      isHeld = false
      postgres.set('refused')
      postgres.set('open')
    },
    letGo() {
      isWanted = false
      if (isHeld) postgres.set('open')
    },
  }
}

/** A signal is heard by a process some time after it was sent. */
async function stopWorker({ parts }: ChaosSystem): Promise<void> {
  const pid = parts.pidOf(worker)
  process.kill(pid, 'SIGSTOP')
  const state = () => execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  while (!state().startsWith('T')) await sleep(closelyMs)
}

/** Leaves the worker stopped, or held at the insert, where the freeze is at its point. */
async function meet(system: ChaosSystem, point: string, isHeld: () => boolean): Promise<boolean> {
  const plans = warehouse(system, 'plans', await system.deliveryId)
  const isThere = () =>
    namesIn(plans)
      .filter(isTemporary)
      .map((name) => namesIn(join(plans, name)))
      .some((files) =>
        point === 'before its files'
          ? !files.includes('segment.parquet')
          : files.includes('segment.parquet') && !files.includes('plan.json'),
      )
  const what = 'in the freeze'
  while (!isHeld()) {
    const isSeen = () => {
      if (!system.parts.isUp(worker)) throw new NotHit('The worker was down already.')
      return isHeld() || (point !== lastPoint && isThere())
    }
    await system.until(what, isSeen, { everyMs: closelyMs })
    if (isHeld()) break
    await stopWorker(system)
    if (isThere()) return true
    // A busy machine let the point pass by.
    process.kill(system.parts.pidOf(worker), 'SIGCONT')
  }
  return point === lastPoint && !namesIn(plans).every(isTemporary)
}

async function killInFreeze(system: ChaosSystem, point: string): Promise<string> {
  const { parts } = system
  const plans = holdPlans(parts.waysOf(worker).postgres)
  try {
    // An attempt that passed its point by is made to fail, and Temporal has it made once more.
    for (let tries = 1; !(await meet(system, point, plans.isHeld)); tries += 1) {
      if (tries === mostTries) throw new NotHit(`${tries} freezes passed that point by.`)
      plans.takeBack()
    }
    await parts.kill(worker)
    plans.takeBack()
    const isCommitted = await system.ledger.requests(await system.deliveryId)
    await parts.bringUp(worker)
    if (isCommitted) throw new NotHit('The plan was committed before the kill.')
    return `killed in the freeze: ${point}`
  } finally {
    plans.letGo()
  }
}

export const inFreeze: FaultKind = faultKind({
  name: 'worker-kill-in-freeze',
  isKill: true,
  point: 'own',
  draw: (random) => ({ point: random.pick(points) }),
  // Begins before the delivery does; the other faults of the worker wait for calls, of which there is none yet.
  run: (system, { point }) => system.parts.alone([worker], () => killInFreeze(system, point)),
})
