// `deliver`: how fast one delivery is, from the start request to the account, and what its worker needs.
import { join } from 'node:path'
import { conditions, round } from './conditions.ts'
import {
  createCampaign,
  createChannel,
  hasEnded,
  judge,
  type Order,
  startCampaign,
  waitFor,
} from './deliveries.ts'
import { type Laptop, openLaptop } from './laptop.ts'
import { cpuSeconds, watchMemory } from './process-watch.ts'
import { profiling, type ProfileSummary, readProfiles } from './profile.ts'

export const plainOrder: Order = {
  name: 'Plain',
  messages: [{ type: 'text', text: 'The same text for everybody.' }],
  sql: 'SELECT user_id FROM friends',
}

export const personalisedOrder: Order = {
  name: 'Personalised',
  messages: [{ type: 'text', text: 'Hello {{ name }}, you have {{ points }} points.' }],
  sql: 'SELECT user_id, name, points FROM friends',
}

/** LINE's answer time in all benches. */
export const latencyMs = 50

export interface DeliverOptions {
  dataDir: string
  recipients: number
  seed: number
  personalised: boolean
  /** Default `duckdb`. */
  warehouse?: 'duckdb' | 'bigquery'
  /** What LINE's buckets hold, in seconds of their rate; default 1. */
  burstSeconds?: number
  /** Says what the worker spent the delivery's time on; profiling itself costs a few percent. Default false. */
  isProfiled?: boolean
}

export function pidOf(laptop: Laptop, name: string): number {
  const found = laptop.embedded.processes().find((process) => process.name === name)
  if (!found) throw new Error(`No ${name} is running.`)
  return found.pid
}

function cpuOfParts(laptop: Laptop): Record<string, number | null> {
  return Object.fromEntries(
    laptop.embedded.processes().map(({ name, pid }) => [name, cpuSeconds(pid)]),
  )
}

/** Puts a worker that profiles itself in the place of the first one. */
async function profiledWorker({ embedded }: Laptop, folder: string): Promise<string> {
  const name = await embedded.startWorker({ NODE_OPTIONS: profiling(folder) })
  await embedded.kill('worker', 'SIGTERM')
  return name
}

const hrMicros = () => Number(process.hrtime.bigint() / 1_000n)

export async function deliver(options: DeliverOptions): Promise<Record<string, unknown>> {
  const { personalised, recipients, warehouse = 'duckdb', isProfiled = false } = options
  const laptop = await openLaptop({ ...options, latencyMs, restartPolicy: 'never' })
  const { client, line, embedded } = laptop
  const { burstSeconds = 1 } = options
  try {
    await line?.settings({ limits: { burstSeconds } })
    const channel = await createChannel(client, 'Bench')
    const order = personalised ? personalisedOrder : plainOrder
    const campaign = await createCampaign(client, channel.id, order)
    const profiles = join(options.dataDir, 'profiles')
    const worker = isProfiled ? await profiledWorker(laptop, profiles) : 'worker'
    const workerPid = pidOf(laptop, worker)
    const memory = watchMemory(workerPid)
    const fromMicros = hrMicros()
    const cpuBefore = cpuOfParts(laptop)
    const startedAt = Date.now()
    const { id } = await startCampaign(client, campaign.id)
    const delivery = await waitFor(client, id, hasEnded)
    const seconds = (Date.parse(delivery.endedAt ?? '') - startedAt) / 1000
    const cpuAfter = cpuOfParts(laptop)
    memory.stop()
    const within = { fromMicros, toMicros: hrMicros() }
    const verdict = await judge(client, line, delivery)
    const sends = (await line?.stats())?.[personalised ? 'push' : 'multicast']
    const sendingSeconds = sends ? (sends.lastAnswerAt - sends.firstCallAt) / 1000 : null
    let profile: ProfileSummary | undefined
    if (isProfiled) {
      await embedded.kill(worker, 'SIGTERM')
      profile = readProfiles(profiles, workerPid, within)
    }
    return {
      bench: 'deliver',
      ...verdict,
      state: delivery.state,
      seconds: round(seconds),
      sendingSeconds: sendingSeconds === null ? null : round(sendingSeconds, 2),
      recipientsPerSecond:
        sendingSeconds === null ? null : Math.round(verdict.accepted / sendingSeconds),
      beforeSendingSeconds: sends ? round((sends.firstCallAt - startedAt) / 1000, 2) : null,
      afterSendingSeconds: sends
        ? round((Date.parse(delivery.endedAt ?? '') - sends.lastAnswerAt) / 1000, 2)
        : null,
      calls: sends?.calls,
      answers: sends?.statuses,
      workerPeakMegabytes: memory.peakMegabytes(),
      cpuSeconds: Object.fromEntries(
        Object.entries(cpuAfter).map(([name, after]) => [
          name,
          after === null ? null : round(after - (cpuBefore[name] ?? 0)),
        ]),
      ),
      ...(profile && { workerProfile: profile }),
      conditions: conditions({
        recipients,
        personalised,
        warehouse: warehouse === 'duckdb' ? warehouse : `${warehouse}, simulated`,
        latencyMs,
        limits: `LINE, burst ${burstSeconds} s`,
      }),
    }
  } finally {
    await embedded.stop()
  }
}

/** `memory`: the worker's peak at 1,000,000 and at 5,000,000 recipients, each in a fresh start. */
export async function memory(options: DeliverOptions): Promise<Record<string, unknown>> {
  const runs: { recipients: number; peakMegabytes: unknown; seconds: unknown }[] = []
  for (const recipients of [1_000_000, 5_000_000]) {
    const run = await deliver({ ...options, recipients })
    runs.push({ recipients, peakMegabytes: run.workerPeakMegabytes, seconds: run.seconds })
  }
  return { bench: 'memory', runs, conditions: conditions({ latencyMs, sampledEveryMs: 100 }) }
}
