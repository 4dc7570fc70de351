// `kill`: a worker is killed with -9 in mid-delivery and started again at once; when is LINE called again?
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

/** Sending before the first kill, and from the first call after one to the next. */
const sendingMs = 1_000

export async function kill(options: {
  dataDir: string
  recipients: number
  seed: number
  tries: number
}): Promise<Record<string, unknown>> {
  const { recipients, tries } = options
  const { client, line, embedded } = await openLaptop({
    ...options,
    latencyMs,
    restartPolicy: 'never',
  })
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const read = line
    const channel = await createChannel(client, 'Bench')
    const campaign = await createCampaign(client, channel.id, plainOrder)
    const { id } = await startCampaign(client, campaign.id)
    const hasCome = async () => hasEnded(await client.call('getDelivery', { params: { id } }))

    /** When LINE accepted a call that started after this; undefined where the delivery ended before. */
    async function nextAccepted(after: number): Promise<number | undefined> {
      for (;;) {
        const found = (await read.callsSince(after)).find(
          ({ at, status, endpoint }) => at > after && status === 200 && endpoint === 'multicast',
        )
        if (found) return found.at
        if (await hasCome()) return undefined
        await sleep(20)
      }
    }

    const sendingAgainMs: number[] = []
    const workerReadyMs: number[] = []
    await nextAccepted(0)
    while (sendingAgainMs.length < tries) {
      await sleep(sendingMs)
      if (await hasCome()) break
      await embedded.kill('worker', 'SIGKILL')
      const killedAt = Date.now()
      await embedded.restart('worker')
      const readyMs = Date.now() - killedAt
      const again = await nextAccepted(killedAt)
      if (again === undefined) break
      workerReadyMs.push(readyMs)
      sendingAgainMs.push(round(again - killedAt, 0))
    }
    const delivery = await waitFor(client, id, hasEnded)
    const sorted = sendingAgainMs.toSorted((a, b) => a - b)
    return {
      bench: 'kill',
      tries: sorted.length,
      sendingAgainMs: { p50: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) },
      workerReadyMs: { max: Math.max(...workerReadyMs) },
      ...(await judge(client, line, delivery)),
      violations: (await line.violations()).byKind,
      answers: (await line.stats()).multicast?.statuses,
      conditions: conditions({ recipients, latencyMs, limits: 'LINE, burst 1 s' }),
    }
  } finally {
    await embedded.stop()
  }
}
