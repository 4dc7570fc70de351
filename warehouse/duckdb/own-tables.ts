// The tables and views of LFM's own that a segment may read; their columns are promised in docs/warehouse-tables.md.
import { filesIn, type Layout } from './layout.ts'
import { name, parquet } from './sql-text.ts'

const instant = 'TIMESTAMP WITH TIME ZONE'

/** Columns by name, with the engine's types. */
export type Columns = Readonly<Record<string, string>>

/** Columns of `delivery_log`; recipients' variables are left out on purpose. */
export const logColumns: Columns = {
  delivery_id: 'VARCHAR',
  campaign_id: 'VARCHAR',
  channel_id: 'VARCHAR',
  user_id: 'VARCHAR',
  lane: 'VARCHAR',
  request_no: 'INTEGER',
  ordinal: 'INTEGER',
  outcome: 'VARCHAR',
  line_request_id: 'VARCHAR',
  retry_key: 'VARCHAR',
  outcome_at: instant,
  reason: 'VARCHAR',
}

/** Columns of `click_log`. */
export const clickColumns: Columns = {
  click_id: 'VARCHAR',
  clicked_at: instant,
  delivery_id: 'VARCHAR',
  campaign_id: 'VARCHAR',
  channel_id: 'VARCHAR',
  variant: 'VARCHAR',
  link_id: 'VARCHAR',
  url: 'VARCHAR',
  user_id: 'VARCHAR',
}

/** Columns of `friend_events`. */
export const friendEventColumns: Columns = {
  event_id: 'VARCHAR',
  event_at: instant,
  channel_id: 'VARCHAR',
  user_id: 'VARCHAR',
  kind: 'VARCHAR',
}

const views: Readonly<Record<string, string>> = {
  line_friends: `
    SELECT channel_id, user_id,
      CASE WHEN arg_max(kind, (event_at, event_id)) = 'unfollow' THEN 'blocked' ELSE 'friend' END AS status,
      max(event_at) AS changed_at, min(event_at) AS first_seen_at
    FROM friend_events GROUP BY channel_id, user_id`,
  delivered_last_30_days: `
    SELECT user_id, channel_id, campaign_id, delivery_id, outcome_at AS delivered_at
    FROM delivery_log WHERE outcome = 'accepted' AND outcome_at >= now() - INTERVAL 30 DAY`,
  clicks_by_campaign: `
    SELECT campaign_id, variant, count(*) AS clicks, count(DISTINCT user_id) AS clickers,
      min(clicked_at) AS first_click_at, max(clicked_at) AS last_click_at
    FROM click_log GROUP BY campaign_id, variant`,
}

/** Names that no folder of the user's can have: views of ours read the tables by these names. */
export const ownNames: ReadonlySet<string> = new Set([
  'delivery_log',
  'click_log',
  'friend_events',
  ...Object.keys(views),
])

/** The SQL of each table and view, what is read by others first. */
export async function ownTables(layout: Layout): Promise<{ name: string; sql: string }[]> {
  const lists = await filesIn(layout.lists, '.parquet')
  return [
    { name: 'delivery_log', sql: tableSql(await filesIn(layout.logs, '.parquet'), logColumns) },
    { name: 'click_log', sql: tableSql(await filesIn(layout.clicks, '.parquet'), clickColumns) },
    {
      name: 'friend_events',
      sql: tableSql(await filesIn(layout.friendEvents, '.parquet'), friendEventColumns),
    },
    ...Object.entries(views).map(([view, sql]) => ({ name: view, sql })),
    ...lists.map((path) => ({ name: layout.listIn(path), sql: `FROM ${parquet([path])}` })),
  ]
}

function tableSql(written: string[], columns: Columns): string {
  const all = Object.entries(columns)
  if (written.length > 0)
    return `SELECT ${all.map(([column]) => name(column)).join(', ')} FROM ${parquet(written)}`
  const typed = all.map(([column, type]) => `CAST(NULL AS ${type}) AS ${name(column)}`)
  return `SELECT ${typed.join(', ')} WHERE false`
}
