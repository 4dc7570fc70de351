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

/** Share of the recipients that is accepted when the worker is killed. */
const killedAtShare = 0.3

export async function kill(options: {
  dataDir: string
  recipients: number
  seed: number
}): Promise<Record<string, unknown>> {
  const { recipients } = options
  const { client, line, embedded } = await openLaptop({
    ...options,
    latencyMs,
    restartPolicy: 'never',
  })
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const channel = await createChannel(client, 'Bench')
    const campaign = await createCampaign(client, channel.id, plainOrder)
    const { id } = await startCampaign(client, campaign.id)
    const share = ({ progress }: { progress: { accepted: number } }) =>
      progress.accepted / recipients
    await waitFor(client, id, (delivery) => share(delivery) >= killedAtShare || hasEnded(delivery))
    await embedded.kill('worker', 'SIGKILL')
    const killedAt = Date.now()
    await embedded.restart('worker')
    const workerReadyMs = Date.now() - killedAt
    let again: number | undefined
    while (again === undefined) {
      const calls = await line.callsSince(killedAt)
      again = calls.find(
        ({ at, status, endpoint }) => at > killedAt && status === 200 && endpoint === 'multicast',
      )?.at
      await sleep(50)
    }
    const delivery = await waitFor(client, id, hasEnded)
    return {
      bench: 'kill',
      sendingAgainMs: round(again - killedAt, 0),
      workerReadyMs,
      ...(await judge(client, line, delivery)),
      violations: (await line.violations()).byKind,
      answers: (await line.stats()).multicast?.statuses,
      conditions: conditions({ recipients, latencyMs, limits: 'LINE, burst 1 s' }),
    }
  } finally {
    await embedded.stop()
  }
}
