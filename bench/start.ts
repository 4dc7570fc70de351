// `smooth-start`: whether LINE answers any call with 429 in the first ten seconds, however many workers begin at once.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Lane, lanes } from '../domain/lane.ts'
import { conditions } from './conditions.ts'
import { createCampaign, createChannel, type Order, startCampaign, waitFor } from './deliveries.ts'
import { latencyMs } from './deliver.ts'
import { openLaptop } from './laptop.ts'

const burstSeconds = 0.1
const watchedMs = 10_000
const lookEveryMs = 1_000
/** Enough for more than ten seconds of both lanes. */
const recipients = 1_100_000
const pushed = 30_000

/** The first friends are called by their own names and pushed to; the others share theirs, for multicast. */
const order: Order = {
  name: 'Both lanes',
  messages: [{ type: 'text', text: 'Hello {{ title }}' }],
  sql: `SELECT user_id,
    CASE WHEN TRY_CAST(substr(name, 8) AS INTEGER) < ${pushed} THEN name ELSE 'friend' END AS title
    FROM friends`,
}

interface Seen {
  calls: number
  throttled: number
  /** The most calls that arrived within 100 ms. */
  mostIn100Ms: number
}

async function once(options: { dataDir: string; seed: number; workers: number }) {
  const { client, line, embedded } = await openLaptop({
    ...options,
    recipients,
    latencyMs,
    restartPolicy: 'never',
  })
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    await line.settings({ limits: { burstSeconds } })
    for (let n = 1; n < options.workers; n += 1) await embedded.startWorker()
    const channel = await createChannel(client, 'Bench')
    const campaign = await createCampaign(client, channel.id, order)
    const { id } = await startCampaign(client, campaign.id)
    await waitFor(client, id, ({ progress }) => progress.accepted > 0)
    const firstCallAt = Math.min(
      ...Object.entries(await line.stats()).flatMap(([endpoint, { firstCallAt: at }]) =>
        endpoint === 'multicast' || endpoint === 'push' ? [at] : [],
      ),
    )
    const arrivals: Record<Lane, number[]> = { multicast: [], push: [] }
    const throttled: Record<Lane, number> = { multicast: 0, push: 0 }
    // The simulator remembers ten thousand calls, some five seconds.
    for (let from = firstCallAt; from < firstCallAt + watchedMs;) {
      await sleep(lookEveryMs)
      const until = Math.min(Date.now() - lookEveryMs / 2, firstCallAt + watchedMs)
      for (const { at, status, endpoint } of await line.callsSince(from)) {
        const lane = lanes.find((name) => name === endpoint)
        if (!lane || at >= until) continue
        arrivals[lane].push(at)
        if (status === 429) throttled[lane] += 1
      }
      from = until
    }
    const seen: Partial<Record<Lane, Seen>> = {}
    for (const lane of lanes) {
      const ats = arrivals[lane].toSorted((a, b) => a - b)
      let first = 0
      const within = ats.map((at, i) => {
        while ((ats[first] ?? at) <= at - 100) first += 1
        return i - first + 1
      })
      const mostIn100Ms = within.reduce((most, count) => Math.max(most, count), 0)
      seen[lane] = { calls: ats.length, throttled: throttled[lane], mostIn100Ms }
    }
    return { workers: options.workers, ...seen }
  } finally {
    await embedded.stop()
  }
}

export async function smoothStart(options: {
  dataDir: string
  seed: number
}): Promise<Record<string, unknown>> {
  const runs = []
  for (const workers of [1, 2, 4]) runs.push(await once({ ...options, workers }))
  return {
    bench: 'smooth-start',
    runs,
    conditions: conditions({ recipients, latencyMs, watchedMs, limits: 'LINE, burst 0.1 s' }),
  }
}
