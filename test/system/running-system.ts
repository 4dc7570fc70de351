// A whole system for a test file: real processes, a sample warehouse, and a simulated LINE that is asked afterwards.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, vi } from 'vitest'
import { loadIntoBigQuery } from '../../bench/bigquery-tables.ts'
import {
  createCampaign,
  type Delivery,
  hasEnded,
  judge,
  startCampaign,
  type Verdict,
} from '../../bench/deliveries.ts'
import { makeSampleWarehouse } from '../../bench/sample-warehouse.ts'
import { findSimulator, type SimulatedLine } from '../../bench/simulated-line.ts'
import { type Answer, type Client, createClient } from '../../cli/client.ts'
import { type Embedded, startEmbedded } from '../../embedded/start.ts'
import { type Outcome } from '../../domain/outcome.ts'
import { createSimulatorControl, type SimulatorControl } from './simulator-control.ts'

/** What a test wants to be delivered. */
export interface Wanted {
  /** Yields `user_id` and the variables of the text. */
  sql: string
  text: string
  /** Calls a second; a low rate makes a delivery last until it can be interrupted. */
  rate?: { multicast?: number; push?: number }
  /** Share of failures above which it pauses; default that of campaigns. */
  pauseAtFailedShare?: number
}

/** A delivery that was started. */
export interface Started {
  id: string
  campaignId: string
  channelId: string
  /** Its calls are told apart at the simulator by this. */
  unit: string
}

export interface RunningSystem extends AsyncDisposable {
  embedded: Embedded
  client: Client
  line: SimulatedLine
  simulator: SimulatorControl
  /** Every line of every part so far. */
  logs: string[]
  /** Secrets of all channels that were made here. */
  channelSecrets: string[]
  /** User ids of one outcome, of a delivery that has ended. */
  recipients(id: string, outcome: Outcome): Promise<string[]>
  /** Registers channel, content, segment and campaign. */
  register(wanted: Wanted): Promise<Omit<Started, 'id'>>
  /** Registers all that and starts the delivery. */
  deliver(wanted: Wanted): Promise<Started>
  /** The delivery, once it is as wanted; an API that is away is asked again. */
  until(id: string, isWanted: (delivery: Delivery) => boolean): Promise<Delivery>
  /**
   * Pauses it, and again where the workflow has not heard of it in the half second that an answer waits for it: what
   * is paused stays so, and the workflow is told each time.
   */
  pauseUntilTold(id: string, order: { by: string; why: string }): Promise<Answer<'pauseDelivery'>>
  /** The delivery, once it has ended. */
  untilEnded(id: string): Promise<Delivery>
  /**
   * Waits for the end, and holds the account against the simulator: it adds up, nobody is lost, doubled or
   * unknown, and the sender broke no rule of LINE's.
   */
  expectExact(started: Started, account: Partial<Verdict>): Promise<Delivery>
}

/** Well below the default of 10 s, for a batch whose worker was killed waits for it. */
const lineDeadlineMs = 3_000
/** A twentieth of the default. */
const roundDelaysMs = [3_000, 15_000, 45_000, 180_000]
const patienceMs = 100_000
const lookEveryMs = 100
const latencyMs = 50
const seed = 1

/** User id of the sample's friend of this number, as bench/sample-warehouse.ts makes it. */
export function friendId(n: number): string {
  return `U${createHash('md5').update(`${seed}/friend/${n}`).digest('hex')}`
}

/** The first n friends of the sample, in no order. */
export function friends(n: number, columns = 'user_id'): string {
  return `SELECT ${columns} FROM friends WHERE TRY_CAST(substr(name, 8) AS INTEGER) < ${n}`
}

/** The first friends are called by their own names and pushed to; the others share theirs, for multicast. */
export function friendsOnBothLanes(n: { push: number; multicast: number }): string {
  const title = `CASE WHEN TRY_CAST(substr(name, 8) AS INTEGER) < ${n.push} THEN name ELSE 'friend' END`
  return friends(n.push + n.multicast, `user_id, ${title} AS title`)
}

/** The environment without anything that would name a part. */
function plainEnv(): Record<string, string | undefined> {
  const named = /^(LFM_|TEMPORAL_|DATABASE_URL|LINE_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !named.test(name)))
}

export interface SystemOptions {
  /** Friends in the sample warehouse. */
  friends: number
  /** The sample lies in BigQuery's simulator, and segments are GoogleSQL; default is the embedded warehouse. */
  withBigQuery?: boolean
  /** A simulator of the test's own, which outlives the system. */
  lineUrl?: string
  /** A folder that an earlier system left; it is kept. */
  dataDir?: string
  /** How many of each are started; default one. */
  processes?: NonNullable<Parameters<typeof startEmbedded>[0]>['processes']
  /** Settings besides, for all parts. */
  env?: Record<string, string>
  /** How long a delivery may take to come so far; default 100 s. */
  patienceMs?: number
}

/** Starts all parts on free ports; what ends by itself is not started again, for tests kill on purpose. */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'lfm-system-'))
  const logs: string[] = []
  const channelSecrets: string[] = []
  const embedded = await startEmbedded({
    dataDir,
    env: {
      ...plainEnv(),
      LFM_TEMPORAL_CLI: inject('temporalCli'),
      LFM_LINE_DEADLINE_MS: String(lineDeadlineMs),
      LFM_ROUND_DELAYS_MS: roundDelaysMs.join(),
      ...(options.lineUrl !== undefined && { LINE_API_BASE_URL: options.lineUrl }),
      ...options.env,
    },
    ...(options.processes && { processes: options.processes }),
    ...(options.withBigQuery !== undefined && { withBigQuery: options.withBigQuery }),
    ports: 'free',
    restartPolicy: 'never',
    onLog: (line) => logs.push(line),
  })
  const { addresses } = embedded
  const client = createClient({ baseUrl: addresses.api, token: embedded.apiToken })
  const stop = async () => {
    await embedded.stop()
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
  }

  async function openLine(): Promise<SimulatedLine> {
    const line = await findSimulator(addresses.line)
    if (!line) throw new Error(`No simulator answers at ${addresses.line}.`)
    await line.settings({ latencyMs, seed })
    if (options.dataDir !== undefined) return line
    const sample = await makeSampleWarehouse({ dataDir, recipients: options.friends, seed })
    if (options.withBigQuery === true) await loadIntoBigQuery(embedded.env, sample.tables)
    await line.addFriends(sample.friends('friend'), 'friend')
    await line.addFriends(sample.friends('blocked'), 'blocked')
    sample.close()
    return line
  }
  const line = await openLine().catch(async (error: unknown) => {
    await stop()
    throw error
  })

  const system: RunningSystem = {
    embedded,
    client,
    line,
    simulator: createSimulatorControl(addresses.line),
    logs,
    channelSecrets,
    async register({ sql, text, rate, ...rules }) {
      const channelSecret = crypto.randomUUID().replaceAll('-', '')
      channelSecrets.push(channelSecret)
      const channel = await client.call('createChannel', {
        body: {
          lineChannelId: String(1_650_000_000 + Math.floor(Math.random() * 1e8)),
          channelSecret,
          name: 'Test',
          ...(rate && { callsPerSecond: rate }),
        },
      })
      const messages = [{ type: 'text', text }]
      const campaign = await createCampaign(client, channel.id, {
        name: 'Test',
        messages,
        sql,
        ...rules,
      })
      return {
        campaignId: campaign.id,
        channelId: channel.id,
        unit: campaign.aggregationUnit ?? '',
      }
    },
    async deliver(wanted) {
      const registered = await system.register(wanted)
      const { id } = await startCampaign(client, registered.campaignId)
      return { id, ...registered }
    },
    async until(id, isWanted) {
      let last: Delivery | undefined
      const look = async () => {
        last = await client.call('getDelivery', { params: { id } }).catch(() => last)
        return last && isWanted(last) ? last : undefined
      }
      try {
        return await vi.waitUntil(look, {
          timeout: options.patienceMs ?? patienceMs,
          interval: lookEveryMs,
        })
      } catch (error) {
        const shown = JSON.stringify(last, undefined, 2)
        const said = logs.slice(-30).join('\n')
        throw new Error(`The delivery does not come so far: ${shown}\n${said}`, { cause: error })
      }
    },
    async recipients(id, outcome) {
      const csv = await client.stream('getRecipients', { params: { id }, query: { outcome } })
      const [, ...ids] = (await new Response(csv).text()).trimEnd().split('\n')
      return ids
    },
    pauseUntilTold: (id, order) =>
      vi.waitUntil(
        async () => {
          const answer = await client.call('pauseDelivery', { params: { id }, body: order })
          return answer.temporal === 'told' ? answer : undefined
        },
        { timeout: patienceMs, interval: lookEveryMs },
      ),
    untilEnded: (id) => system.until(id, hasEnded),
    async expectExact({ id }, account) {
      const delivery = await system.untilEnded(id)
      const verdict = await judge(client, line, delivery)
      expect(verdict).toMatchObject({ lost: 0, doubled: 0, unknown: 0, addsUp: true, ...account })
      expect((await line.violations()).byKind).toEqual({})
      return delivery
    },
    [Symbol.asyncDispose]: stop,
  }
  return system
}
