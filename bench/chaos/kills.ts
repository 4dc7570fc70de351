// Kills of a worker with -9: at any time, and at the points where it hurts most.
import { type FSWatcher, mkdirSync, watch } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultKind, faultKind, NotHit } from './fault.ts'
import { inFreeze } from './freeze-kill.ts'
import { type ChaosSystem } from './system.ts'
import { isTemporary, namesIn, warehouse } from './warehouse-folder.ts'

const worker = 'worker'
/** Often enough to meet a file that is there for some ten milliseconds. */
const closelyMs = 2

async function killAndBringUp({ parts }: ChaosSystem, downMs = 0): Promise<void> {
  await parts.kill(worker)
  await sleep(downMs)
  await parts.bringUp(worker)
}

function refuseOver(system: ChaosSystem, what: string): void {
  if (system.isOver()) throw new NotHit(`The delivery had ended before ${what}.`)
}

const atAnyTime = faultKind({
  name: 'worker-kill',
  isKill: true,
  draw: (random, facts) => ({ downMs: facts.ms(random.whole(0, 10_000)) }),
  run: (system, { downMs }) =>
    system.parts.alone([worker], async () => {
      refuseOver(system, 'the kill')
      await killAndBringUp(system, downMs)
      return 'killed in mid-delivery'
    }),
})

const inFlight = faultKind({
  name: 'worker-kill-in-flight',
  isKill: true,
  draw: (random, facts) => ({ answersHeldMs: facts.ms(random.whole(4_000, 8_000)), calls: 3 }),
  run: (system, { answersHeldMs, calls }) =>
    system.parts.alone([worker, 'latency'], async () => {
      const { line, unit, latencyMs } = system
      const since = Date.now()
      const unheard = async () =>
        (await line.sendsSince(since)).filter(
          (call) => call.unit === unit && call.accepted && call.status === null,
        )
      await line.settings({ latencyMs: Math.max(answersHeldMs, 500), jitterMs: 0 })
      try {
        await system.until(
          'accepted calls whose answers are out',
          async () => (await unheard()).filter((call) => call.answeredAt === null).length >= calls,
          { everyMs: 20, withinMs: 60_000 },
        )
        await system.parts.kill(worker)
      } finally {
        await line.settings({ latencyMs, jitterMs: latencyMs / 2 })
      }
      const lost = (await unheard()).length
      await system.parts.bringUp(worker)
      if (lost === 0) throw new NotHit('No accepted call was without its answer at the kill.')
      return `killed while the answers of ${lost} accepted calls were out`
    }),
})

const afterTheRecord = faultKind({
  name: 'worker-kill-after-record',
  isKill: true,
  draw: (random, facts) => ({ stalledAtLeastMs: facts.ms(random.whole(4_000, 20_000)) }),
  run: (system, { stalledAtLeastMs }) =>
    system.parts.alone([worker], async () => {
      const id = await system.deliveryId
      const { temporal } = system.parts.waysOf(worker)
      const sums = () => system.ledger.sums(id)
      let before: Awaited<ReturnType<typeof sums>> | undefined
      await system.until('a ledger to read', async () => {
        before = await sums().catch(() => undefined)
        return before !== undefined
      })
      temporal.set('stalled')
      const stalledAt = performance.now()
      try {
        await system.until(
          'a record that Temporal has not heard of',
          async () => {
            const now = await sums().catch(() => undefined)
            return (
              now !== undefined &&
              now.settled > (before?.settled ?? 0) &&
              performance.now() - stalledAt > stalledAtLeastMs
            )
          },
          { everyMs: 50, withinMs: 60_000 },
        )
        await system.parts.kill(worker)
      } finally {
        // What stands in the stalled way must not arrive after all.
        temporal.set('refused')
        temporal.set('open')
      }
      const after = await sums().catch(() => undefined)
      await system.parts.bringUp(worker)
      const recipients = (after?.settled ?? 0) - (before?.settled ?? 0)
      const batches = (after?.wholeBatches ?? 0) - (before?.wholeBatches ?? 0)
      return `killed after outcomes of ${recipients} recipients, ${batches} batches whole, were recorded and Temporal had heard of none`
    }),
})

const whilePaused = faultKind({
  name: 'worker-kill-while-paused',
  isKill: true,
  draw: (random, facts) => ({
    pausedForMs: facts.ms(random.whole(2_000, 20_000)),
    isUpBeforeResume: random.isTrue(0.5),
  }),
  run: (system, { pausedForMs, isUpBeforeResume }) =>
    system.parts.alone([worker, 'gate'], async () => {
      refuseOver(system, 'the pause')
      await system.operate('pause', 'to kill the worker meanwhile')
      try {
        await sleep(pausedForMs)
        await system.parts.kill(worker)
        if (isUpBeforeResume) await system.parts.bringUp(worker)
        const up = isUpBeforeResume ? Promise.resolve() : system.parts.bringUp(worker)
        await Promise.all([up, system.operate('resume', 'the worker was killed')])
      } catch (error) {
        if (!system.parts.isUp(worker)) await system.parts.bringUp(worker)
        await system.operate('resume', 'the fault failed')
        throw error
      }
      return 'killed while the delivery was paused'
    }),
})

/** Names that come up in a folder from now on, also those that are there for a moment only; each is taken once. */
function newNamesIn(folder: string): { take: () => string[]; watcher: FSWatcher } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let names: string[] = []
  const watcher = watch(folder, (_event, name) => {
    if (name !== null) names.push(name)
  })
  const take = () => {
    const taken = names
    names = []
    return taken
  }
  return { take, watcher }
}

/** Kills at the moment when a file shows; the check afterwards tells whether the moment was met. */
function atAFile(options: {
  name: string
  points: readonly [string, ...string[]]
  what: string
  /** Where the files lie; made afresh, for the delivery's id is in it. */
  folder: (system: ChaosSystem, deliveryId: string) => string
  /** Told the names that were not there at the look before; what a kill left behind is none. */
  isThere: (names: string[], point: string, deliveryId: string) => boolean
  /** Why the kill came too late, if it did. */
  missed: (system: ChaosSystem, deliveryId: string, point: string) => Promise<string | undefined>
  /** When to begin looking closely. */
  isNear: (system: ChaosSystem) => Promise<boolean>
}): FaultKind {
  return faultKind({
    name: options.name,
    isKill: true,
    point: 'own',
    draw: (random) => ({ point: random.pick(options.points) }),
    async run(system, { point }) {
      const id = await system.deliveryId
      await system.until(options.what, () => options.isNear(system), { everyMs: 50 })
      const fresh = newNamesIn(options.folder(system, id))
      try {
        // Looked for without keeping others from the worker; the point is met only where it is free at that moment.
        await system.until(options.what, () => options.isThere(fresh.take(), point, id), {
          everyMs: closelyMs,
        })
      } finally {
        fresh.watcher.close()
      }
      return system.parts.alone([worker], async () => {
        if (!system.parts.isUp(worker)) throw new NotHit('The worker was down already.')
        await system.parts.kill(worker)
        const missed = await options.missed(system, id, point)
        await system.parts.bringUp(worker)
        if (missed !== undefined) throw new NotHit(missed)
        return `killed ${options.what}: ${point}`
      })
    },
  })
}

const isEnding = async (system: ChaosSystem) => system.isCancelled() || (await system.share()) > 0.9

const inPageEnd = atAFile({
  name: 'worker-kill-in-page-end',
  points: ['while its part is written', 'after its part is written'],
  what: 'in the end of a page',
  folder: (system, id) => warehouse(system, 'parts', id),
  isNear: async (system) =>
    system.isCancelled() ||
    Math.max(await system.share('multicast'), await system.share('push')) > 0.9,
  isThere: (names, point) =>
    names.some((name) => isTemporary(name) === (point === 'while its part is written')),
  missed: async (system) =>
    system.isOver() ? 'The delivery had ended before the kill.' : undefined,
})

const inReconcile: FaultKind = faultKind({
  name: 'worker-kill-in-reconcile',
  isKill: true,
  point: 'own',
  draw: () => ({}),
  async run(system) {
    const id = await system.deliveryId
    await system.until('the end of sending', () => isEnding(system))
    const state = () => system.ledger.state(id).catch(() => undefined)
    await system.until('reconciling', async () => (await state()) === 'reconciling', {
      everyMs: closelyMs,
    })
    return system.parts.alone([worker], async () => {
      await system.parts.kill(worker)
      const found = await state()
      const log = namesIn(warehouse(system, 'delivery_log'))
      await system.parts.bringUp(worker)
      if (found !== 'reconciling' || log.includes(`${id}.parquet`))
        throw new NotHit(`The kill came when the delivery was ${found ?? 'not to be read'}.`)
      return 'killed while plan and outcomes were compared'
    })
  },
})

const inLog = atAFile({
  name: 'worker-kill-in-log',
  points: ['while it is written', 'after it is written'],
  what: 'in making the log',
  folder: (system) => warehouse(system, 'delivery_log'),
  isNear: isEnding,
  isThere: (names, point, id) =>
    names.some(
      (name) => name.includes(id) && isTemporary(name) === (point === 'while it is written'),
    ),
  async missed(system, id) {
    const state = await system.ledger.state(id)
    return state === 'reconciling' ? undefined : `The kill came when the delivery was ${state}.`
  },
})

export const killKinds: readonly FaultKind[] = [
  atAnyTime,
  inFlight,
  afterTheRecord,
  whilePaused,
  inFreeze,
  inPageEnd,
  inReconcile,
  inLog,
]
