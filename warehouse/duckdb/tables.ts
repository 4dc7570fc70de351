// The tables that a segment may read: folders of files that the user drops in, and LFM's own.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { filesIn, namesIn, type Layout } from './layout.ts'
import { ownNames, ownTables } from './own-tables.ts'
import { files } from './sql-text.ts'

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

/** Looks at the folders as they are now; nothing is read from the files themselves. */
export async function findTables(layout: Layout): Promise<Tables> {
  const usable: Table[] = await ownTables(layout)
  const refused = new Map<string, string>()
  for (const folder of await namesIn(layout.tables)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(folder)) continue
    const path = join(layout.tables, folder)
    if (!(await stat(path)).isDirectory()) continue
    const lower = folder.toLowerCase()
    if (ownNames.has(lower) || lower.startsWith('list_')) {
      refused.set(lower, `The folder ${folder} is not read: that name belongs to LFM.`)
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
