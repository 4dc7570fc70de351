// The tables and views of LFM's own that a segment may read; their columns are promised in docs/warehouse-tables.md.
import { type Connection } from './client.ts'
import { requireDataset } from './dataset.ts'
import { type Jobs } from './jobs.ts'
import { digestOf, logTable } from './names.ts'
import { clickShape, friendEventShape, logShape } from './schemas.ts'
import { type Tables } from './tables.ts'

/** Tables that loads of events go to. */
export const clickTable = 'click_log'
export const friendEventTable = 'friend_events'

function views({ named }: Connection): Readonly<Record<string, string>> {
  return {
    line_friends: `
      SELECT channel_id, user_id, IF(kind = 'unfollow', 'blocked', 'friend') AS status,
        event_at AS changed_at,
        MIN(event_at) OVER (PARTITION BY channel_id, user_id) AS first_seen_at
      FROM ${named(friendEventTable)} WHERE TRUE
      QUALIFY ROW_NUMBER() OVER (PARTITION BY channel_id, user_id ORDER BY event_at DESC, event_id DESC) = 1`,
    delivered_last_30_days: `
      SELECT user_id, channel_id, campaign_id, delivery_id, outcome_at AS delivered_at
      FROM ${named(logTable)}
      WHERE outcome = 'accepted' AND outcome_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY)`,
    clicks_by_campaign: `
      SELECT campaign_id, variant, COUNT(*) AS clicks, COUNT(DISTINCT user_id) AS clickers,
        MIN(clicked_at) AS first_click_at, MAX(clicked_at) AS last_click_at
      FROM ${named(clickTable)} GROUP BY campaign_id, variant`,
  }
}

/** Makes them where they are missing, once in the life of a process and again after it failed. */
export function createOwnTables({
  connection,
  jobs,
  tables,
}: {
  connection: Connection
  jobs: Jobs
  tables: Tables
}) {
  let making: Promise<void> | undefined

  async function make(): Promise<void> {
    await requireDataset(connection)
    await Promise.all([
      tables.ensure(logTable, logShape),
      tables.ensure(clickTable, clickShape),
      tables.ensure(friendEventTable, friendEventShape),
    ])
    for (const [view, sql] of Object.entries(views(connection)))
      await jobs.run({
        id: ['view', view, digestOf(sql)],
        step: 'view',
        query: { query: `CREATE OR REPLACE VIEW ${connection.named(view)} AS ${sql}` },
        isThere: async () => (await tables.find(view)) !== undefined,
      })
  }

  return async function ensureOwnTables(): Promise<void> {
    making ??= make().catch((error: unknown) => {
      making = undefined
      throw error
    })
    await making
  }
}
