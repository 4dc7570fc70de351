// `pause`: how soon a pause is answered, and when the last call to LINE starts after the answer.
import { setTimeout as sleep } from 'node:timers/promises'
import { conditions, round } from './conditions.ts'
import {
  createCampaign,
  createChannel,
  hasEnded,
  judge,
  startCampaign,
  waitFor,
} from './deliveries.ts'
import { latencyMs, plainOrder } from './deliver.ts'
import { openLaptop } from './laptop.ts'

/** How long calls are watched after the answer; no call may start later than 2 s after it. */
const watchedMs = 3_000
/** Full-rate sending between two tries. */
const sendingMs = 1_000

function summary(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

export async function pause(options: {
  dataDir: string
  recipients: number
  seed: number
  tries: number
}): Promise<Record<string, unknown>> {
  const { recipients, tries } = options
  const { client, line, embedded } = await openLaptop({ ...options, latencyMs })
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const channel = await createChannel(client, 'Bench')
    const campaign = await createCampaign(client, channel.id, plainOrder)
    const { id } = await startCampaign(client, campaign.id)
    const who = { by: 'bench', why: 'a try' }
    const answeredMs: number[] = []
    const lastCallAfterMs: number[] = []
    let triesWhileSending = 0
    for (let i = 0; i < tries; i++) {
      const before = (await client.call('getDelivery', { params: { id } })).progress.accepted
      const going = await waitFor(
        client,
        id,
        ({ progress, endedAt }) => progress.accepted > before || endedAt !== null,
      )
      if (hasEnded(going)) break
      await sleep(sendingMs)
      const askedAt = Date.now()
      await client.call('pauseDelivery', { params: { id }, body: who })
      const answeredAt = Date.now()
      await sleep(watchedMs)
      const calls = (await line.callsSince(askedAt)).filter(
        ({ endpoint }) => endpoint === 'multicast',
      )
      if (calls.some(({ at }) => at < answeredAt)) triesWhileSending += 1
      answeredMs.push(answeredAt - askedAt)
      lastCallAfterMs.push(Math.max(0, ...calls.map(({ at }) => at - answeredAt)))
      await client.call('resumeDelivery', { params: { id }, body: who })
    }
    const delivery = await waitFor(client, id, hasEnded)
    return {
      bench: 'pause',
      tries: answeredMs.length,
      triesWhileSending,
      answeredMs: summary(answeredMs),
      lastCallAfterAnswerMs: summary(lastCallAfterMs),
      ...(await judge(client, line, delivery)),
      conditions: conditions({ recipients, latencyMs, limits: 'LINE, burst 1 s' }),
    }
  } finally {
    await embedded.stop()
  }
}
