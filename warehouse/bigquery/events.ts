// Appends clicks and changes of friendships: a named part is one load job, whose id it is, and so is there once.
import { type ClickRow, type FriendEvent } from '../event-rows.ts'
import { type Connection } from './client.ts'
import { type Jobs } from './jobs.ts'
import { clickTable, friendEventTable } from './own-tables.ts'
import { clickShape, friendEventShape, type TableShape } from './schemas.ts'

interface EventDeps {
  connection: Connection
  jobs: Jobs
}

/** Adds a part to `click_log`. */
export function writeClicks(
  deps: EventDeps,
  part: string,
  rows: AsyncIterable<ClickRow[]>,
): Promise<void> {
  return writeOnce(deps, { table: clickTable, shape: clickShape, part }, rows, (row) => ({
    click_id: row.clickId,
    clicked_at: row.at,
    delivery_id: row.deliveryId,
    campaign_id: row.campaignId,
    channel_id: row.channelId,
    variant: row.variant,
    link_id: row.linkId,
    url: row.url,
    user_id: row.userId,
  }))
}

/** Adds a part to `friend_events`. */
export function writeFriendEvents(
  deps: EventDeps,
  part: string,
  rows: AsyncIterable<FriendEvent[]>,
): Promise<void> {
  const target = { table: friendEventTable, shape: friendEventShape, part }
  return writeOnce(deps, target, rows, (row) => ({
    event_id: row.eventId,
    event_at: row.at,
    channel_id: row.channelId,
    user_id: row.userId,
    kind: row.kind,
  }))
}

async function writeOnce<Row>(
  { connection, jobs }: EventDeps,
  { table, shape, part }: { table: string; shape: TableShape; part: string },
  chunks: AsyncIterable<Row[]>,
  valuesOf: (row: Row) => Readonly<Record<string, string | null>>,
): Promise<void> {
  const lines: string[] = []
  for await (const chunk of chunks)
    for (const row of chunk) lines.push(`${JSON.stringify(valuesOf(row))}\n`)
  if (lines.length === 0) return
  await jobs.run({
    id: [table, part],
    step: table,
    load: {
      destinationTable: connection.reference(table),
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields: shape.fields },
      createDisposition: 'CREATE_NEVER',
      writeDisposition: 'WRITE_APPEND',
    },
    upload: () => lines,
  })
}
