// A whole system for one chaos run: real processes, a simulated LINE, one delivery, and ways to wait for its points.
import { type Client, createClient } from '../../cli/client.ts'
import { PortsTaken } from '../../embedded/ports.ts'
import { type Embedded, startEmbedded } from '../../embedded/start.ts'
import { createCampaign, createChannel } from '../deliveries.ts'
import { makeSampleWarehouse } from '../sample-warehouse.ts'
import { friendId, segmentSql, text } from './audience.ts'
import { createLedgerView, type LedgerView } from './ledger-view.ts'
import { createLineControl, type LineControl } from './line-control.ts'
import { type Parts, takeParts } from './parts.ts'
import { type ChaosPlan } from './plan.ts'
import { createPoints, type Points } from './points.ts'

export interface ChaosSystem extends Points {
  plan: ChaosPlan
  embedded: Embedded
  client: Client
  line: LineControl
  ledger: LedgerView
  parts: Parts
  /** Aborts when the run is given up. */
  signal: AbortSignal
  say: (line: string) => void
  /** A time of the table in this run's length. */
  ms(fullLength: number): number
  /** What LINE takes to answer. */
  latencyMs: number
  channel: { id: string; lineChannelId: string }
  campaignId: string
  unit: string
  /** Stops everything. */
  stop(): Promise<void>
}

export interface SystemOptions {
  plan: ChaosPlan
  dataDir: string
  /** The environment, without parts of somebody else's. */
  env: Record<string, string | undefined>
  settings: Record<string, string>
  latencyMs: number
  signal: AbortSignal
  say: (line: string) => void
}

const portTries = 3

async function startParts(options: SystemOptions): Promise<Embedded> {
  const { dataDir, env, settings, signal, say } = options
  for (let n = 1; ; n += 1) {
    try {
      return await startEmbedded({
        dataDir,
        env: { ...env, ...settings },
        ports: 'free',
        processes: { worker: 0 },
        restartPolicy: 'never',
        onLog: say,
        signal,
      })
    } catch (error) {
      // Another run may have taken a port in the moment between.
      if (!(error instanceof PortsTaken) || n === portTries) throw error
    }
  }
}

/** Starts all parts in an empty data folder and registers the campaign; nothing is started yet. */
export async function openSystem(options: SystemOptions): Promise<ChaosSystem> {
  const { plan, dataDir, signal, say, latencyMs } = options
  const embedded = await startParts(options)
  const { addresses, apiToken } = embedded
  const line = createLineControl(addresses.line)
  const ledger = createLedgerView(addresses.databaseUrl)
  let parts: Parts | undefined
  const stop = async () => {
    await parts?.close()
    await ledger.close()
    await embedded.stop()
  }
  try {
    parts = await takeParts(embedded, { signal, say })
    const switches: Record<string, string | boolean> = {}
    for (const { effects } of plan.faults) Object.assign(switches, effects.switches)
    await line.settings({ latencyMs, jitterMs: latencyMs / 2, seed: plan.seed, switches })
    await loadFriends(addresses.line, dataDir, plan)
    const client = createClient({ baseUrl: addresses.api, token: apiToken })
    const channel = await createChannel(client, 'Chaos')
    await client.call('setChannelRate', {
      params: { id: channel.id },
      body: { ...plan.callsPerSecond },
    })
    const campaign = await createCampaign(client, channel.id, {
      name: 'Chaos',
      messages: [{ type: 'text', text }],
      sql: segmentSql(plan),
    })
    return {
      ...createPoints({ client, line, ledger, signal }),
      ...{ plan, embedded, client, line, ledger, parts, signal, say, latencyMs, stop },
      ms: (fullLength) => Math.round(fullLength * plan.scale),
      channel,
      campaignId: campaign.id,
      unit: campaign.aggregationUnit ?? '',
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function loadFriends(lineUrl: string, dataDir: string, plan: ChaosPlan): Promise<void> {
  const { recipients, seed, faults } = plan
  const strangers = new Set(
    faults.flatMap(({ effects }) => effects.notLoaded ?? []).map((n) => friendId(seed, n)),
  )
  const sample = await makeSampleWarehouse({ dataDir, recipients, seed })
  try {
    for (const state of ['friend', 'blocked'] as const) {
      const ids: string[] = []
      for await (const some of sample.friends(state)) ids.push(...some)
      const res = await fetch(`${lineUrl}/_sim/friends?state=${state}`, {
        method: 'POST',
        body: ids.filter((id) => !strangers.has(id)).join('\n'),
      })
      if (!res.ok) throw new Error(`The simulator refuses the friends: ${await res.text()}`)
    }
  } finally {
    sample.close()
  }
}
