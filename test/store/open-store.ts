// A store on a test file's own PostgreSQL, and campaigns in it.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { vi } from 'vitest'
import { type Campaign } from '../../store/campaigns.ts'
import { type Channel } from '../../store/channels.ts'
import { type BatchKey } from '../../store/ledger.ts'
import { createStore, type Store } from '../../store/store.ts'
import { startPostgres } from '../api/postgres.ts'
import { type FrozenPlan } from '../../domain/plan.ts'

export interface OpenStore extends AsyncDisposable {
  store: Store
  databaseUrl: string
  /** One statement on a connection of its own, for what the store does not tell. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Runs statements in a transaction that stays open, with its locks, until `commit`. */
  hold(sql: string, values?: unknown[]): Promise<{ commit(): Promise<void> }>
  /** Resolves when so many statements wait for a lock. */
  untilBlocked(statements: number): Promise<void>
  campaign(rate?: {
    multicast: number
    push: number
  }): Promise<{ campaign: Campaign; channel: Channel }>
  /** A new delivery of a new campaign. */
  delivery(rate?: { multicast: number; push: number }): Promise<{ id: string; channel: Channel }>
}

let channels = 0

/** Runs one statement. */
export async function query(
  databaseUrl: string,
  sql: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows
  } finally {
    await client.end()
  }
}

export async function openStore(): Promise<OpenStore> {
  const postgres = await startPostgres()
  const { databaseUrl } = postgres
  const store = createStore({ databaseUrl, secretKey: randomBytes(32) })
  const opened: OpenStore = {
    store,
    databaseUrl,
    query: (sql, values) => query(databaseUrl, sql, values),
    async hold(statement, values = []) {
      const client = new pg.Client(databaseUrl)
      await client.connect()
      await client.query('begin')
      await client.query(statement, values)
      return {
        async commit() {
          await client.query('commit')
          await client.end()
        },
      }
    },
    async untilBlocked(statements) {
      await vi.waitUntil(
        async () => {
          const blocked = await opened.query(
            `select pid from pg_stat_activity where wait_event_type = 'Lock'`,
          )
          return blocked.length === statements
        },
        { timeout: 20_000, interval: 20 },
      )
    },
    async campaign(rate = { multicast: 200, push: 2_000 }) {
      const name = 'Test'
      channels += 1
      const channel = await store.channels.create({
        lineChannelId: String(1_650_000_000 + channels),
        channelSecret: 'a secret',
        name,
        callsPerSecond: rate,
      })
      const content = await store.contents.create({
        name,
        messages: [{ type: 'text', text: 'Hello' }],
        notificationDisabled: false,
        variables: [],
      })
      const segment = await store.segments.create({ name, dialect: 'duckdb', sql: 'select 1' })
      const campaign = await store.campaigns.create({
        name,
        channelId: channel.id,
        contentId: content.id,
        segmentId: segment.id,
        priority: 3,
        timeZone: 'Asia/Tokyo',
        locale: 'ja',
        aggregationUnit: null,
        pauseAtFailedShare: 0.1,
      })
      return { campaign, channel }
    },
    async delivery(rate) {
      const { campaign, channel } = await opened.campaign(rate)
      const order = { campaignId: campaign.id, occurrence: 'once', by: 'a test', at: new Date() }
      const started = await store.deliveries.start(order)
      if (!started) throw new Error('The campaign is gone.')
      return { id: started.delivery.id, channel }
    },
    async [Symbol.asyncDispose]() {
      await store.close()
      await postgres[Symbol.asyncDispose]()
    },
  }
  return opened
}

/** Begins an attempt of a multicast batch. */
export async function beginAttempt(
  { ledger }: Store,
  deliveryId: string,
  options: { batchNo?: number; digest?: string; planAttempt?: string; recipients?: number } = {},
) {
  const { batchNo = 0, digest = 'd', planAttempt = 'p', recipients = 1_000 } = options
  const batch: BatchKey = { deliveryId, lane: 'multicast', batchNo }
  const begun = await ledger.beginAttempt({
    ...batch,
    planAttempt,
    bodyDigest: digest,
    recipients,
    round: 0,
  })
  return { batch: { ...batch, attemptNo: begun.attemptNo }, ...begun }
}

/** A plan of ten recipients in one multicast. */
export const smallPlan: FrozenPlan = {
  attempt: 'a1',
  digest: 'd',
  lanes: {
    multicast: { requests: 1, recipients: 10, batchRecipients: [10] },
    push: { requests: 0, recipients: 0, batchRecipients: [] },
  },
  audience: { segmentRows: 10, malformed: 0, duplicates: 0, excluded: 0, planned: 10 },
}
