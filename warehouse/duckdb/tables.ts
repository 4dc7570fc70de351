// The tables that a segment may read: folders of files that the user drops in, and delivery_log.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { filesIn, namesIn, type Layout } from './layout.ts'
import { files, name, parquet } from './sql-text.ts'

/** A table and the SQL that yields its rows. */
export interface Table {
  name: string
  sql: string
}

/** What there is to read, and what can't be read and why. */
export interface Tables {
  usable: Table[]
  /** A sentence for each folder that is no usable table, by lower-case name. */
  refused: Map<string, string>
}

/** Columns of `delivery_log`, with their types; recipients' variables are left out on purpose. */
export const logColumns: Readonly<Record<string, string>> = {
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
  outcome_at: 'TIMESTAMP WITH TIME ZONE',
  reason: 'VARCHAR',
}

/** Looks at the folders as they are now; nothing is read from the files themselves. */
export async function findTables(layout: Layout): Promise<Tables> {
  const log = await filesIn(layout.logs, '.parquet')
  const usable: Table[] = [{ name: 'delivery_log', sql: logSql(log) }]
  const refused = new Map<string, string>()
  for (const folder of await namesIn(layout.tables)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(folder)) continue
    const path = join(layout.tables, folder)
    if (!(await stat(path)).isDirectory()) continue
    if (folder.toLowerCase() === 'delivery_log') {
      refused.set(folder, 'The folder delivery_log is not read: that name belongs to LFM.')
      continue
    }
    const columnar = await filesIn(path, '.parquet')
    const csv = await filesIn(path, '.csv')
    if (columnar.length > 0 && csv.length > 0)
      refused.set(
        folder.toLowerCase(),
        `The folder ${folder} holds Parquet and CSV files; keep one kind in it to make it a table.`,
      )
    else if (columnar.length > 0)
      usable.push({
        name: folder,
        sql: `SELECT * FROM read_parquet(${files(columnar)}, union_by_name = true)`,
      })
    else if (csv.length > 0)
      usable.push({
        name: folder,
        sql: `SELECT * FROM read_csv_auto(${files(csv)}, union_by_name = true)`,
      })
  }
  return { usable, refused }
}

function logSql(written: string[]): string {
  const columns = Object.entries(logColumns)
  if (written.length > 0)
    return `SELECT ${columns.map(([column]) => name(column)).join(', ')} FROM ${parquet(written)}`
  const typed = columns.map(([column, type]) => `CAST(NULL AS ${type}) AS ${name(column)}`)
  return `SELECT ${typed.join(', ')} WHERE false`
}
