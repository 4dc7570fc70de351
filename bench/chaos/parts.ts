// The processes of a run: killed on purpose, brought up again however long it takes, each by one fault at a time.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Embedded } from '../../embedded/start.ts'
import { openTcpProxy, type TcpProxy } from '../tcp-proxy.ts'

/** The ways of one worker to the others, which a fault can stall. */
export interface Ways {
  temporal: TcpProxy
  postgres: TcpProxy
}

export interface Parts {
  /** Waits until no other fault has its hands on these, then works. */
  alone<T>(names: readonly string[], work: () => Promise<T>): Promise<T>
  /** Ends a part, with -9 if not said otherwise; it stays down until it is brought up. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>
  /** Tries until the part is there, as `npm start` would. */
  bringUp(name: string): Promise<void>
  /** One more worker with ways of its own; resolves with its name when it is ready. */
  addWorker(): Promise<string>
  waysOf(worker: string): Ways
  isUp(name: string): boolean
  /** Kills with -9 so far, by part; those of workers under `worker`. */
  kills(): Record<string, number>
  /** What parts did that they should not: ended by themselves, or did not stop when they were asked to. */
  accidents(): string[]
  pidOf(name: string): number
  /** Stops looking after the parts and closes the ways; the parts themselves are the system's to stop. */
  close(): Promise<void>
}

const lookEveryMs = 200
const tryAgainMs = 500
/** Above a worker's own grace of 25 s. */
const stopsWithinMs = 30_000

/** Takes over a system that has no worker yet, and starts its first one. */
export async function takeParts(
  embedded: Embedded,
  { signal, say }: { signal: AbortSignal; say: (line: string) => void },
): Promise<Parts> {
  const ways = new Map<string, Ways>()
  const turns = new Map<string, Promise<unknown>>()
  const wantedUp = new Set(embedded.processes().map(({ name }) => name))
  const kills: Record<string, number> = {}
  const notes: string[] = []
  const isUp = (name: string) => embedded.processes().some((process) => process.name === name)

  async function alone<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    // All at once and in one step, so that two faults never wait for each other.
    const before = Promise.all(names.map(async (name) => turns.get(name)))
    const mine = before.then(() => {
      signal.throwIfAborted()
      return work()
    })
    const over = mine.catch(() => undefined)
    for (const name of names) turns.set(name, over)
    return mine
  }

  async function bringUp(name: string): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      try {
        await embedded.restart(name)
        wantedUp.add(name)
        return
      } catch (error) {
        say(
          `${name} does not come up yet: ${error instanceof Error ? error.message : String(error)}`,
        )
        await sleep(tryAgainMs, undefined, { signal })
      }
    }
  }

  async function addWorker(): Promise<string> {
    const { temporal, databaseUrl } = embedded.addresses
    const database = new URL(databaseUrl)
    const own = {
      temporal: await openTcpProxy({ targetPort: Number(temporal.split(':').at(-1)) }),
      postgres: await openTcpProxy({ targetPort: Number(database.port) }),
    }
    database.host = own.postgres.address
    const name = await embedded.startWorker({
      TEMPORAL_ADDRESS: own.temporal.address,
      DATABASE_URL: database.href,
    })
    ways.set(name, own)
    wantedUp.add(name)
    return name
  }

  /** As `npm start` stops a part: after its grace it is killed. */
  async function askToStop(name: string, killSignal: NodeJS.Signals): Promise<void> {
    const stopped = embedded.kill(name, killSignal)
    const patience = new AbortController()
    const tooLate = sleep(stopsWithinMs, 'too late', { signal: patience.signal })
    tooLate.catch(() => undefined)
    if ((await Promise.race([stopped, tooLate])) === 'too late') {
      notes.push(`${name} did not stop within ${stopsWithinMs / 1_000} s of ${killSignal}`)
      await embedded.kill(name, 'SIGKILL')
    }
    patience.abort()
    await stopped
  }

  /** What ends by itself is brought up again, as `npm start` would, and told at the end. */
  async function lookAfter(): Promise<void> {
    for (const name of [...wantedUp]) {
      if (isUp(name)) continue
      wantedUp.delete(name)
      notes.push(`${name} ended by itself`)
      say(`${name} ended by itself`)
      alone([name], () => bringUp(name)).catch(() => undefined)
    }
  }

  await addWorker()
  const looking = setInterval(() => void lookAfter(), lookEveryMs)
  return {
    alone,
    bringUp,
    addWorker,
    isUp,
    async kill(name, killSignal = 'SIGKILL') {
      wantedUp.delete(name)
      if (killSignal !== 'SIGKILL') return askToStop(name, killSignal)
      await embedded.kill(name, killSignal)
      const part = name.replace(/-\d+$/, '')
      kills[part] = (kills[part] ?? 0) + 1
    },
    waysOf(worker) {
      const found = ways.get(worker)
      if (!found) throw new Error(`There is no worker ${worker}.`)
      return found
    },
    pidOf(name) {
      const found = embedded.processes().find((process) => process.name === name)
      if (!found) throw new Error(`${name} does not run now.`)
      return found.pid
    },
    kills: () => ({ ...kills }),
    accidents: () => [...notes],
    async close() {
      clearInterval(looking)
      for (const { temporal, postgres } of ways.values())
        await Promise.all([temporal.close(), postgres.close()])
    },
  }
}
