// Workers that come and go in order, that sleep, or that are cut off from Temporal or PostgreSQL but not from LINE.
import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultKind, faultKind, NotHit } from './fault.ts'
import { type ChaosSystem } from './system.ts'

const worker = 'worker'
/** Temporal gives a batch to somebody else when its worker was not heard of for 5 s. */
const heartbeatTimeoutMs = 5_000

function refuseOver(system: ChaosSystem): void {
  if (system.isOver()) throw new NotHit('The delivery had ended before.')
}

const stopped = faultKind({
  name: 'worker-stop',
  draw: (random, facts) => ({ downMs: facts.ms(random.whole(0, 10_000)) }),
  run: (system, { downMs }) =>
    system.parts.alone([worker], async () => {
      refuseOver(system)
      await system.parts.kill(worker, 'SIGTERM')
      await sleep(downMs)
      await system.parts.bringUp(worker)
      return 'asked to stop, and started again'
    }),
})

/** Works with a second worker beside the first, which goes in order afterwards. */
async function withSecond<T>(
  { parts }: ChaosSystem,
  work: (second: string) => Promise<T>,
): Promise<T> {
  const second = await parts.addWorker()
  try {
    return await work(second)
  } finally {
    if (parts.isUp(second)) await parts.kill(second, 'SIGTERM')
  }
}

const rolling = faultKind({
  name: 'workers-rolling',
  draw: (random, facts) => ({ times: Math.max(1, facts.ms(random.whole(3, 10))) }),
  run: (system, { times }) =>
    system.parts.alone([worker], async () => {
      refuseOver(system)
      await withSecond(system, async (second) => {
        for (let n = 0; n < times; n += 1)
          for (const name of [worker, second]) {
            await system.parts.kill(name, 'SIGTERM')
            await system.parts.bringUp(name)
          }
      })
      refuseOver(system)
      return `two workers were stopped and started ${times} times, one after the other`
    }),
})

/** Keeps the first worker from something while a second one is there, and looks whether that one took over. */
function besideASecond(options: {
  name: string
  hinder: (system: ChaosSystem) => () => void
  what: string
}): FaultKind {
  return faultKind({
    name: options.name,
    draw: (random, facts) => ({
      // Shorter than the time-out nothing would be taken over.
      lastsMs: heartbeatTimeoutMs + 2_000 + facts.ms(random.whole(5_000, 30_000)),
    }),
    run: (system, { lastsMs }) =>
      system.parts.alone([worker], () =>
        withSecond(system, async () => {
          refuseOver(system)
          const id = await system.deliveryId
          const attempts = () => system.ledger.attempts(id).catch(() => 0)
          const release = options.hinder(system)
          const endsAt = performance.now() + lastsMs
          let before = 0
          try {
            await system.until('attempts to count', async () => (before = await attempts()) > 0)
            await system.until(
              'the second worker took over',
              async () => performance.now() > endsAt && (await attempts()) > before,
              { withinMs: lastsMs + 60_000 },
            )
          } finally {
            release()
          }
          const taken = (await attempts()) - before
          // Time for what it would still do, late as it is.
          await sleep(2_000)
          return `${options.what}; ${taken} attempts began meanwhile`
        }),
      ),
  })
}

const cutOff = besideASecond({
  name: 'worker-cut-off',
  hinder({ parts }) {
    const { temporal } = parts.waysOf(worker)
    temporal.set('stalled')
    return () => temporal.set('open')
  },
  what: 'cut off from Temporal but not from LINE',
})

const asleep = besideASecond({
  name: 'worker-asleep',
  hinder({ parts }) {
    const pid = parts.pidOf(worker)
    process.kill(pid, 'SIGSTOP')
    return () => void process.kill(pid, 'SIGCONT')
  },
  what: 'stopped in its tracks, and woken up late',
})

const withoutLedger = faultKind({
  name: 'worker-cut-off-postgres',
  draw: (random, facts) => ({ lastsMs: facts.ms(random.whole(10_000, 60_000)) }),
  run: (system, { lastsMs }) =>
    system.parts.alone([worker], async () => {
      refuseOver(system)
      const { postgres } = system.parts.waysOf(worker)
      postgres.set('stalled')
      try {
        await sleep(lastsMs, undefined, { signal: system.signal })
      } finally {
        postgres.set('open')
      }
      return `its connections to PostgreSQL were silent for ${lastsMs / 1_000} s`
    }),
})

export const workerKinds: readonly FaultKind[] = [stopped, rolling, cutOff, asleep, withoutLedger]
