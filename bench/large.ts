// `large`: ten million recipients; the worker's memory against that of a million, times, disk, and Temporal's histories.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
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
import { laneFigures } from './lanes.ts'
import { type Laptop, openLaptop } from './laptop.ts'
import { cpuOfParts, cpuSince, watchMemory } from './process-watch.ts'

function megabytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  return Math.round(bytes / 1e6)
}

/** The longest and the heaviest run of any workflow of the delivery. */
async function largestHistory({ embedded }: Laptop) {
  const connection = await Connection.connect({ address: embedded.addresses.temporal })
  const largest = { workflows: 0, events: 0, kilobytes: 0 }
  try {
    for await (const run of new Client({ connection }).workflow.list()) {
      largest.workflows += 1
      largest.events = Math.max(largest.events, run.historyLength)
      largest.kilobytes = Math.max(largest.kilobytes, Math.round((run.historySize ?? 0) / 1e3))
    }
  } finally {
    await connection.close()
  }
  return largest
}

async function once(options: { dataDir: string; recipients: number; seed: number }) {
  const laptop = await openLaptop({ ...options, latencyMs, restartPolicy: 'never' })
  const { client, line, embedded } = laptop
  try {
    if (!line) throw new Error('This bench needs a LINE that can be read back.')
    const channel = await createChannel(client, 'Bench')
    const campaign = await createCampaign(client, channel.id, plainOrder)
    const worker = embedded.processes().find(({ name }) => name === 'worker')
    if (!worker) throw new Error('No worker is running.')
    const memory = watchMemory(worker.pid)
    const cpuBefore = cpuOfParts(embedded)
    const startedAt = Date.now()
    const phaseAt: Record<string, number> = {}
    const { id } = await startCampaign(client, campaign.id)
    const delivery = await waitFor(client, id, hasEnded, ({ phase }) => {
      phaseAt[phase] ??= Date.now()
    })
    memory.stop()
    const endedAt = Date.parse(delivery.endedAt ?? '')
    const between = (from: string, to: number) =>
      phaseAt[from] === undefined ? null : round((to - phaseAt[from]) / 1000)
    return {
      recipients: options.recipients,
      ...(await judge(client, line, delivery)),
      seconds: round((endedAt - startedAt) / 1000),
      freezingSeconds: between('freezing', phaseAt.sending ?? endedAt),
      sendingPhaseSeconds: between('sending', phaseAt.reconciling ?? endedAt),
      reconcileAndLogSeconds: between('reconciling', endedAt),
      lanes: await laneFigures(line),
      workerPeakMegabytes: memory.peakMegabytes(),
      diskMegabytes: {
        warehouse: megabytesBelow(join(options.dataDir, 'warehouse')),
        dataFolder: megabytesBelow(options.dataDir),
      },
      histories: await largestHistory(laptop),
      cpuSeconds: cpuSince(embedded, cpuBefore),
    }
  } finally {
    await embedded.stop()
  }
}

/** A million first, for comparison, and then as many as asked for; each in a fresh start. */
export async function large(options: {
  dataDir: string
  recipients: number
  seed: number
}): Promise<Record<string, unknown>> {
  const small = await once({ ...options, recipients: 1_000_000 })
  const big = await once(options)
  const { workerPeakMegabytes: smallPeak } = small
  const { workerPeakMegabytes: bigPeak } = big
  return {
    bench: 'large',
    runs: [small, big],
    memoryRatio: smallPeak && bigPeak ? round(bigPeak / smallPeak, 2) : null,
    lost: (small.lost ?? 0) + (big.lost ?? 0),
    doubled: (small.doubled ?? 0) + (big.doubled ?? 0),
    addsUp: small.addsUp && big.addsUp,
    conditions: conditions({ latencyMs, limits: 'LINE, burst 1 s' }),
  }
}
