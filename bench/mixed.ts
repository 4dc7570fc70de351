// `mixed`: both lanes at once in one delivery; 30 % of the recipients share their body with nine others.
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
import { latencyMs } from './deliver.ts'
import { laneFigures } from './lanes.ts'
import { openLaptop } from './laptop.ts'
import { cpuOfParts, cpuSince } from './process-watch.ts'

/** Share of recipients in groups of ten, the smallest group that goes by multicast. */
const groupedShare = 0.3
const limits = {
  half: { multicastPerSecond: 100, pushPerSecond: 1000, burstSeconds: 0.1 },
  full: { multicastPerSecond: 200, pushPerSecond: 2000, burstSeconds: 0.1 },
} as const

function mixedOrder(recipients: number): Order {
  const grouped = Math.round(recipients * groupedShare)
  const n = 'TRY_CAST(substr(name, 8) AS INTEGER)'
  return {
    name: 'Mixed',
    messages: [{ type: 'text', text: 'Hello {{ title }}!' }],
    sql: `SELECT user_id, CASE WHEN ${n} < ${grouped} THEN 'group ' || (${n} // 10) ELSE name END AS title FROM friends`,
  }
}

export interface MixedOptions {
  dataDir: string
  recipients: number
  seed: number
  /** Half of LINE's limits on both lanes, or LINE's. */
  rates: keyof typeof limits
}

export async function mixed(options: MixedOptions): Promise<Record<string, unknown>> {
  const { recipients, rates } = options
  const { multicastPerSecond, pushPerSecond, burstSeconds } = limits[rates]
  const laptop = await openLaptop({ ...options, latencyMs, restartPolicy: 'never' })
  const { client, line, embedded } = laptop
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    await line.settings({ limits: { multicastPerSecond, pushPerSecond, burstSeconds } })
    const channel = await createChannel(client, 'Bench')
    await client.call('setChannelRate', {
      params: { id: channel.id },
      body: { multicast: multicastPerSecond, push: pushPerSecond },
    })
    const campaign = await createCampaign(client, channel.id, mixedOrder(recipients))
    const cpuBefore = cpuOfParts(embedded)
    const { id } = await startCampaign(client, campaign.id)
    const delivery = await waitFor(client, id, hasEnded)
    const lanes = await laneFigures(line)
    return {
      bench: 'mixed',
      rates,
      ...(await judge(client, line, delivery)),
      lanes,
      shareOfLimit: {
        multicast: round((lanes.multicast?.callsPerSecond ?? 0) / multicastPerSecond, 3),
        push: round((lanes.push?.callsPerSecond ?? 0) / pushPerSecond, 3),
      },
      cpuSeconds: cpuSince(embedded, cpuBefore),
      conditions: conditions({
        recipients,
        groupedShare,
        latencyMs,
        limits: `${multicastPerSecond} multicast/s, ${pushPerSecond} push/s, burst ${burstSeconds} s`,
      }),
    }
  } finally {
    await embedded.stop()
  }
}
