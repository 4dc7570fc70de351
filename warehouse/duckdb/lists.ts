// Uploaded lists: one immutable Parquet file each, which segments read as a table.
import { rm } from 'node:fs/promises'
import { type ListRow, type StoredList } from '../list-rows.ts'
import { asText, numbers, rows, run, type Engine } from './engine.ts'
import { isThere, placeFile, type Layout } from './layout.ts'
import { name, parquet, text } from './sql-text.ts'

interface ListDeps {
  engine: Engine
  layout: Layout
}

/**
 * Writes the list, unless it is there already.
 * @throws Error for columns that can't be a list's.
 */
export async function writeList(
  deps: ListDeps,
  listId: string,
  columns: readonly string[],
  chunks: AsyncIterable<ListRow[]>,
): Promise<StoredList> {
  requireColumns(columns)
  const target = deps.layout.list(listId)
  if (!(await isThere(target)))
    await placeFile(target, (path) => write(deps.engine, columns, chunks, path))
  const stored = await inspectList(deps, listId)
  if (!stored) throw new Error(`The list ${listId} was moved into place and is gone again.`)
  return stored
}

async function write(
  engine: Engine,
  columns: readonly string[],
  chunks: AsyncIterable<ListRow[]>,
  path: string,
): Promise<void> {
  await engine.connected(async (connection) => {
    const quoted = ['user_id', ...columns].map(name)
    const typed = quoted.map((column) => `${column} VARCHAR`)
    // No name of a user's column begins with a sign that needs quoting, so this one is nobody's.
    await run(connection, `CREATE TEMP TABLE list ("line no" BIGINT, ${typed.join(', ')})`)
    const appender = await connection.createAppender('list')
    try {
      for await (const chunk of chunks)
        for (const { line, userId, values } of chunk) {
          if (values.length !== columns.length)
            throw new Error(
              `Line ${line} has ${values.length} values for ${columns.length} columns.`,
            )
          appender.appendBigInt(BigInt(line))
          appender.appendVarchar(userId)
          for (const value of values) {
            if (value === null) appender.appendNull()
            else appender.appendVarchar(value)
          }
          appender.endRow()
        }
    } finally {
      appender.closeSync()
    }
    await run(
      connection,
      `COPY (
         SELECT ${quoted.join(', ')} FROM list
         SEMI JOIN (SELECT min("line no") AS "line no" FROM list GROUP BY user_id) AS firsts USING ("line no"))
       TO ${text(path)} (FORMAT parquet, ROW_GROUP_SIZE 61440)`,
    )
  })
}

/** The list as its file tells it. */
export async function inspectList(
  { engine, layout }: ListDeps,
  listId: string,
): Promise<StoredList | undefined> {
  const path = layout.list(listId)
  if (!(await isThere(path))) return undefined
  return engine.read(async (connection) => {
    const [size = 0] = await numbers(connection, `SELECT count(*) FROM ${parquet([path])}`)
    const described = await rows(connection, `DESCRIBE FROM ${parquet([path])}`)
    const columns = described.map(([column]) => asText(column))
    const table = layout.listIn(path)
    return {
      table,
      columns: columns.filter((column) => column !== 'user_id'),
      rows: size,
      sql: `SELECT ${columns.map(name).join(', ')} FROM ${table}`,
    }
  })
}

/** Removes the list. */
export async function dropList({ layout }: ListDeps, listId: string): Promise<void> {
  await rm(layout.list(listId), { force: true })
}

function requireColumns(columns: readonly string[]): void {
  const seen = new Set(['user_id'])
  for (const column of columns) {
    const lower = column.toLowerCase()
    if (!/^[a-z_][a-z0-9_]*$/.test(lower) || seen.has(lower))
      throw new Error(`${JSON.stringify(column)} can't be a column of a list, or not twice.`)
    seen.add(lower)
  }
}
