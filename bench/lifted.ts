// `lifted`: no limits at the simulator nor in LFM; how fast one worker is, and how much faster two are.
import pg from 'pg'
import { type Lane } from '../domain/lane.ts'
import { conditions, round } from './conditions.ts'
import {
  createCampaign,
  createChannel,
  hasEnded,
  judge,
  startCampaign,
  waitFor,
} from './deliveries.ts'
import { latencyMs, personalisedOrder, plainOrder } from './deliver.ts'
import { laneFigures } from './lanes.ts'
import { type Laptop, openLaptop } from './laptop.ts'
import { cpuOfParts, cpuSince } from './process-watch.ts'

/** Out of reach on any machine that this may run on. */
const beyondReach: Readonly<Record<Lane, number>> = { multicast: 20_000, push: 50_000 }

/** The store refuses rates above LINE's, and rightly so; a bench lifts that in a database of its own. */
async function liftRates(databaseUrl: string, channelId: string): Promise<void> {
  const db = new pg.Client({ connectionString: databaseUrl })
  await db.connect()
  try {
    await db.query(
      'alter table channel drop constraint channel_multicast_rate, drop constraint channel_push_rate',
    )
    await db.query(
      'update channel set multicast_per_second = $2, push_per_second = $3 where id = $1',
      [channelId, beyondReach.multicast, beyondReach.push],
    )
    await db.query(
      `update lane_clock set calls_per_second = case lane when 'multicast' then $2::float8 else $3::float8 end
        where line_channel_id = (select line_channel_id from channel where id = $1)`,
      [channelId, beyondReach.multicast, beyondReach.push],
    )
  } finally {
    await db.end()
  }
}

async function once(options: {
  dataDir: string
  recipients: number
  seed: number
  lane: Lane
  workers: number
}): Promise<Record<string, unknown>> {
  const laptop: Laptop = await openLaptop({ ...options, latencyMs, restartPolicy: 'never' })
  const { client, line, embedded } = laptop
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    await line.settings({ limits: { enabled: false } })
    for (let n = 1; n < options.workers; n += 1) await embedded.startWorker()
    const channel = await createChannel(client, 'Bench')
    await liftRates(embedded.addresses.databaseUrl, channel.id)
    const order = options.lane === 'push' ? personalisedOrder : plainOrder
    const campaign = await createCampaign(client, channel.id, order)
    const cpuBefore = cpuOfParts(embedded)
    const { id } = await startCampaign(client, campaign.id)
    const delivery = await waitFor(client, id, hasEnded)
    const cpuSeconds = cpuSince(embedded, cpuBefore)
    const figures = (await laneFigures(line))[options.lane]
    const verdict = await judge(client, line, delivery)
    const perMillion = (seconds: number | null) =>
      seconds === null ? null : round((seconds / options.recipients) * 1e6)
    return {
      lane: options.lane,
      workers: options.workers,
      recipients: options.recipients,
      callsPerSecond: figures?.callsPerSecond,
      recipientsPerSecond: figures && Math.round(verdict.accepted / figures.sendingSeconds),
      sendingSeconds: figures?.sendingSeconds,
      answers: figures?.answers,
      lost: verdict.lost,
      doubled: verdict.doubled,
      addsUp: verdict.addsUp,
      cpuSecondsPerMillionRecipients: Object.fromEntries(
        Object.entries(cpuSeconds).map(([name, seconds]) => [name, perMillion(seconds)]),
      ),
    }
  } finally {
    await embedded.stop()
  }
}

/** Both lanes, with one worker and with two. */
export async function lifted(options: {
  dataDir: string
  seed: number
  recipients: Record<Lane, number>
}): Promise<Record<string, unknown>> {
  const runs: Record<string, unknown>[] = []
  for (const lane of ['multicast', 'push'] as const)
    for (const workers of [1, 2])
      runs.push(await once({ ...options, recipients: options.recipients[lane], lane, workers }))
  return {
    bench: 'lifted',
    runs,
    addsUp: runs.every(({ addsUp }) => addsUp === true),
    lost: runs.reduce((sum, { lost }) => sum + Number(lost), 0),
    doubled: runs.reduce((sum, { doubled }) => sum + Number(doubled), 0),
    conditions: conditions({ latencyMs, limits: 'none' }),
  }
}
