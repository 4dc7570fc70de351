// `channels`: ten channels at once, each with a rate of its own; the total, and whether each got its share.
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
import { cpuOfParts, cpuSince } from './process-watch.ts'

/** Calls a second of the ten channels: 200 together. */
const ratesPerSecond = [4, 8, 12, 16, 20, 20, 24, 28, 32, 36]
/** Each lasts about as long as the others. */
const sendingSeconds = 20

export async function channels(options: {
  dataDir: string
  seed: number
}): Promise<Record<string, unknown>> {
  const recipients = Math.max(...ratesPerSecond) * 500 * sendingSeconds
  const laptop = await openLaptop({ ...options, recipients, latencyMs, restartPolicy: 'never' })
  const { client, line, embedded } = laptop
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const orders = []
    for (const rate of ratesPerSecond) {
      const channel = await createChannel(client, `Bench ${rate}`)
      await client.call('setChannelRate', { params: { id: channel.id }, body: { multicast: rate } })
      const campaign = await createCampaign(client, channel.id, {
        ...plainOrder,
        sql: `SELECT user_id FROM friends WHERE TRY_CAST(substr(name, 8) AS INTEGER) < ${rate * 500 * sendingSeconds}`,
      })
      orders.push({ rate, campaignId: campaign.id, lineChannelId: channel.lineChannelId })
    }
    const cpuBefore = cpuOfParts(embedded)
    const started = await Promise.all(
      orders.map(async (order) => ({
        ...order,
        id: (await startCampaign(client, order.campaignId)).id,
      })),
    )
    const runs = await Promise.all(
      started.map(async ({ id, rate, lineChannelId }) => {
        const delivery = await waitFor(client, id, hasEnded)
        const calls = (await line.callsSince(0)).filter((call) => call.channelId === lineChannelId)
        const sends = calls.filter(({ endpoint }) => endpoint === 'multicast')
        const first = sends[0]?.at ?? 0
        const last = sends.at(-1)?.at ?? 0
        const verdict = await judge(client, line, delivery)
        const callsPerSecond = ((sends.length - 1) * 1000) / (last - first)
        return {
          rate,
          callsPerSecond: round(callsPerSecond),
          shareOfRate: round(callsPerSecond / rate, 3),
          from: first,
          to: last,
          ...verdict,
        }
      }),
    )
    const from = Math.min(...runs.map((run) => run.from))
    const to = Math.max(...runs.map((run) => run.to))
    const accepted = runs.reduce((sum, run) => sum + run.accepted, 0)
    const shares = runs.map(({ shareOfRate }) => shareOfRate)
    return {
      bench: 'channels',
      recipientsPerSecond: Math.round((accepted * 1000) / (to - from)),
      /** 1 where every channel got the same share of its own rate. */
      fairness: round(Math.min(...shares) / Math.max(...shares), 3),
      channels: runs.map(({ rate, callsPerSecond, shareOfRate }) => ({
        rate,
        callsPerSecond,
        shareOfRate,
      })),
      accepted,
      lost: runs.reduce((sum, { lost }) => sum + Number(lost), 0),
      doubled: runs.reduce((sum, { doubled }) => sum + Number(doubled), 0),
      addsUp: runs.every(({ addsUp }) => addsUp),
      answers: (await line.stats()).multicast?.statuses,
      cpuSeconds: cpuSince(embedded, cpuBefore),
      conditions: conditions({ latencyMs, limits: 'LINE, burst 1 s', deliveries: runs.length }),
    }
  } finally {
    await embedded.stop()
  }
}
