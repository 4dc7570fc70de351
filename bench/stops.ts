// `pause`, `rate-0` and `cancel`: how soon each is answered, and when the last call to LINE starts after the answer.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client } from '../cli/client.ts'
import { conditions, round } from './conditions.ts'
import {
  createCampaign,
  createChannel,
  hasEnded,
  judge,
  startCampaign,
  type Verdict,
  waitFor,
} from './deliveries.ts'
import { latencyMs, plainOrder } from './deliver.ts'
import { openLaptop } from './laptop.ts'
import { type SimulatedLine } from './simulated-line.ts'

export type Stop = 'pause' | 'rate-0' | 'cancel'

/** How long calls are watched after the answer; no call may start later than 2 s after it. */
const watchedMs = 3_000
/** Full-rate sending between two tries. */
const sendingMs = 1_000
/** A cancelled delivery is not sent to its end, so each try has one of its own. */
const recipientsOfACancelled = 500_000

const who = { by: 'bench', why: 'a try' }

function summary(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Takes one figure a try: the answer's time, and how long after it the last call started. */
function createTries(line: SimulatedLine) {
  const answeredMs: number[] = []
  const lastCallAfterMs: number[] = []
  let triesWhileSending = 0
  return {
    async stop(order: () => Promise<unknown>): Promise<void> {
      const askedAt = Date.now()
      await order()
      const answeredAt = Date.now()
      await sleep(watchedMs)
      const calls = (await line.callsSince(askedAt)).filter(
        ({ endpoint }) => endpoint === 'multicast',
      )
      if (calls.some(({ at }) => at < answeredAt)) triesWhileSending += 1
      answeredMs.push(answeredAt - askedAt)
      lastCallAfterMs.push(Math.max(0, ...calls.map(({ at }) => at - answeredAt)))
    },
    count: () => answeredMs.length,
    figures: () => ({
      tries: answeredMs.length,
      triesWhileSending,
      answeredMs: summary(answeredMs),
      lastCallAfterAnswerMs: summary(lastCallAfterMs),
    }),
  }
}

/** Waits until calls are accepted again, and then for a second of sending; whether it still goes on. */
async function isSending(client: Client, id: string): Promise<boolean> {
  const before = (await client.call('getDelivery', { params: { id } })).progress.accepted
  const delivery = await waitFor(
    client,
    id,
    ({ progress, endedAt }) => progress.accepted > before || endedAt !== null,
  )
  if (hasEnded(delivery)) return false
  await sleep(sendingMs)
  return true
}

export async function stops(options: {
  kind: Stop
  dataDir: string
  recipients: number
  seed: number
  tries: number
}): Promise<Record<string, unknown>> {
  const { kind, tries } = options
  const recipients = kind === 'cancel' ? recipientsOfACancelled : options.recipients
  const { client, line, embedded } = await openLaptop({ ...options, recipients, latencyMs })
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const channel = await createChannel(client, 'Bench')
    const taken = createTries(line)
    const start = async () => {
      const campaign = await createCampaign(client, channel.id, plainOrder)
      return (await startCampaign(client, campaign.id)).id
    }
    const setRate = (multicast: number) =>
      client.call('setChannelRate', { params: { id: channel.id }, body: { multicast } })

    async function stopOnce(id: string): Promise<void> {
      const body = { params: { id }, body: who }
      if (kind === 'pause') {
        await taken.stop(() => client.call('pauseDelivery', body))
        await client.call('resumeDelivery', body)
      } else {
        await taken.stop(() => setRate(0))
        await setRate(channel.callsPerSecond.multicast)
      }
    }

    /** One delivery, and another where it has ended before all tries are made. */
    async function inOneDelivery(): Promise<string[]> {
      const ids: string[] = []
      while (taken.count() < tries) {
        const id = await start()
        ids.push(id)
        while (taken.count() < tries && (await isSending(client, id))) {
          await stopOnce(id).catch(async (error: unknown) => {
            // Refused where the delivery has just ended: that is no try.
            if (!hasEnded(await client.call('getDelivery', { params: { id } }))) throw error
          })
        }
      }
      return ids
    }

    async function oneDeliveryEach(): Promise<string[]> {
      const ids: string[] = []
      for (let i = 0; i < tries; i++) {
        const id = await start()
        ids.push(id)
        if (!(await isSending(client, id))) continue
        await taken.stop(() => client.call('cancelDelivery', { params: { id }, body: who }))
      }
      return ids
    }

    const verdicts: Verdict[] = []
    for (const id of await (kind === 'cancel' ? oneDeliveryEach() : inOneDelivery()))
      verdicts.push(await judge(client, line, await waitFor(client, id, hasEnded)))
    const sum = (term: 'accepted' | 'unsent' | 'unknown' | 'lost' | 'doubled') =>
      verdicts.reduce((total, verdict) => total + (verdict[term] ?? 0), 0)
    return {
      bench: kind,
      ...taken.figures(),
      deliveries: verdicts.length,
      accepted: sum('accepted'),
      unsent: sum('unsent'),
      unknown: sum('unknown'),
      lost: sum('lost'),
      doubled: sum('doubled'),
      addsUp: verdicts.every(({ addsUp }) => addsUp),
      answers: (await line.stats()).multicast?.statuses,
      conditions: conditions({ recipients, latencyMs, limits: 'LINE, burst 1 s' }),
    }
  } finally {
    await embedded.stop()
  }
}
