// Keeps parts running: starts them, starts them again when they end by themselves, and stops them in order.
import { setTimeout as wait } from 'node:timers/promises'
import { type Running } from './launch.ts'

/** Something that runs as one process. */
export interface Part {
  name: string
  /** Resolves when it is ready to be used. */
  start(signal: AbortSignal): Promise<Running>
}

export interface Supervisor {
  /** Starts a part; resolves when it is ready. Aborting the signal before that ends the start. */
  add(part: Part, signal?: AbortSignal): Promise<void>
  /** What runs now. */
  processes: () => { name: string; pid: number }[]
  /** Sends a signal; resolves when the process has ended, which it may not do of SIGSTOP and the like. */
  kill: (name: string, signal: NodeJS.Signals) => Promise<void>
  /** Starts a part again: in order where it runs, at once where it has ended. */
  restart: (name: string) => Promise<void>
  /** Stops the named parts together, each in its own bounded time. */
  stop(names: string[]): Promise<void>
}

export interface SupervisorOptions {
  /** `always` starts again what ends by itself; `never` leaves it, for tests that kill on purpose. */
  restartPolicy: 'always' | 'never'
  onLine: (name: string, line: string) => void
}

interface Kept {
  part: Part
  running: Running | undefined
  /** Settles when the start under way has come to an end. */
  starting: Promise<unknown>
  /** Aborts when the part is to stay down. */
  down: AbortController
}

const firstBackoffMs = 500
const longestBackoffMs = 10_000
/** A part that stayed up for so long is not in a loop of failures. */
const steadyMs = 30_000

export function createSupervisor({ restartPolicy, onLine }: SupervisorOptions): Supervisor {
  const kept = new Map<string, Kept>()

  const find = (name: string): Kept => {
    const entry = kept.get(name)
    if (!entry)
      throw new Error(`No part is called ${name}; there are ${[...kept.keys()].join(', ')}.`)
    return entry
  }

  async function bringUp(entry: Kept, backoffMs: number): Promise<void> {
    const { part, down } = entry
    const start = part.start(down.signal)
    entry.starting = start.catch(() => undefined)
    const running = await start
    entry.running = running
    const upSince = performance.now()
    void running.ended.then(async (how) => {
      if (entry.running === running) entry.running = undefined
      if (down.signal.aborted) return
      if (restartPolicy === 'never') return onLine(part.name, `ended (${how}).`)
      const steady = performance.now() - upSince > steadyMs
      await bringBack(entry, how, steady ? firstBackoffMs : backoffMs)
    })
  }

  async function bringBack(entry: Kept, how: string, backoffMs: number): Promise<void> {
    const { name } = entry.part
    const { signal } = entry.down
    onLine(name, `ended unexpectedly (${how}); it is started again in ${backoffMs / 1_000} s.`)
    const nextMs = Math.min(backoffMs * 2, longestBackoffMs)
    try {
      await wait(backoffMs, undefined, { signal })
      await bringUp(entry, nextMs)
      onLine(name, 'is up again.')
    } catch (error) {
      if (signal.aborted) return
      await bringBack(entry, error instanceof Error ? error.message : String(error), nextMs)
    }
  }

  async function takeDown(entry: Kept): Promise<void> {
    entry.down.abort(new Error(`${entry.part.name} is being stopped.`))
    await entry.starting
    await entry.running?.stop()
  }

  return {
    async add(part, signal) {
      if (kept.has(part.name)) throw new Error(`A part called ${part.name} is there already.`)
      const down = new AbortController()
      const entry: Kept = { part, running: undefined, starting: Promise.resolve(), down }
      kept.set(part.name, entry)
      const abort = () => down.abort(signal?.reason)
      signal?.throwIfAborted()
      signal?.addEventListener('abort', abort)
      try {
        await bringUp(entry, firstBackoffMs)
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    },
    processes: () =>
      [...kept].flatMap(([name, { running }]) => (running ? [{ name, pid: running.pid }] : [])),
    async kill(name, signal) {
      const { running } = find(name)
      if (!running) throw new Error(`${name} does not run now.`)
      running.kill(signal)
      await running.ended
    },
    async restart(name) {
      const entry = find(name)
      await takeDown(entry)
      entry.down = new AbortController()
      await bringUp(entry, firstBackoffMs)
    },
    async stop(names) {
      await Promise.all(names.flatMap((name) => kept.get(name) ?? []).map(takeDown))
    },
  }
}
