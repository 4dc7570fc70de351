// Appends clicks and changes of friendships: a named part is one Parquet file, written once.
import { type ClickRow, type FriendEvent } from '../event-rows.ts'
import { run, type Engine } from './engine.ts'
import { isThere, placeFile, type Layout } from './layout.ts'
import { clickColumns, friendEventColumns, type Columns } from './own-tables.ts'
import { name, text } from './sql-text.ts'

interface EventDeps {
  engine: Engine
  layout: Layout
}

/** Adds a part to `click_log`. */
export function writeClicks(
  { engine, layout }: EventDeps,
  part: string,
  rows: AsyncIterable<ClickRow[]>,
): Promise<void> {
  return writeOnce(engine, layout.clickPart(part), clickColumns, rows, (row) => [
    row.clickId,
    row.at,
    row.deliveryId,
    row.campaignId,
    row.channelId,
    row.variant,
    row.linkId,
    row.url,
    row.userId,
  ])
}

/** Adds a part to `friend_events`. */
export function writeFriendEvents(
  { engine, layout }: EventDeps,
  part: string,
  rows: AsyncIterable<FriendEvent[]>,
): Promise<void> {
  return writeOnce(engine, layout.friendEventPart(part), friendEventColumns, rows, (row) => [
    row.eventId,
    row.at,
    row.channelId,
    row.userId,
    row.kind,
  ])
}

/** Two writers of one name at the same time are both given the same rows, so which of them is renamed last is all one. */
async function writeOnce<Row>(
  engine: Engine,
  target: string,
  columns: Columns,
  chunks: AsyncIterable<Row[]>,
  valuesOf: (row: Row) => (string | null)[],
): Promise<void> {
  if (await isThere(target)) return
  const names = Object.keys(columns)
  await placeFile(target, (path) =>
    engine.connected(async (connection) => {
      await run(connection, `CREATE TEMP TABLE part (${names.map(asVarchar).join(', ')})`)
      const appender = await connection.createAppender('part')
      try {
        for await (const chunk of chunks)
          for (const row of chunk) {
            for (const value of valuesOf(row)) {
              if (value === null) appender.appendNull()
              else appender.appendVarchar(value)
            }
            appender.endRow()
          }
      } finally {
        appender.closeSync()
      }
      const typed = Object.entries(columns).map(
        ([column, type]) => `CAST(${name(column)} AS ${type}) AS ${name(column)}`,
      )
      await run(
        connection,
        `COPY (SELECT ${typed.join(', ')} FROM part) TO ${text(path)} (FORMAT parquet, ROW_GROUP_SIZE 20480)`,
      )
    }),
  )
}

function asVarchar(column: string): string {
  return `${name(column)} VARCHAR`
}
