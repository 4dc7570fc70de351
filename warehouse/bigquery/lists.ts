// Uploaded lists: one immutable table each, made of the lines that were loaded for it.
import { type ListRow, type StoredList } from '../list-rows.ts'
import { type Connection } from './client.ts'
import { type Jobs } from './jobs.ts'
import { digestOf, workingPrefix } from './names.ts'
import { name } from './sql-text.ts'
import { type Tables } from './tables.ts'

interface ListDeps {
  connection: Connection
  jobs: Jobs
  tables: Tables
}

/** The line's number while the list is being made; refused as a column of it. */
const lineColumn = 'lfm__line'

function tableOf(listId: string): string {
  if (/^[a-z0-9_]+$/.test(listId)) return `list_${listId}`
  throw new Error(`${JSON.stringify(listId)} can't be the id of a list.`)
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
  if (!(await inspectList(deps, listId))) await write(deps, listId, columns, chunks)
  const stored = await inspectList(deps, listId)
  if (!stored) throw new Error(`The list ${listId} was made and is gone again.`)
  return stored
}

async function write(
  { connection, jobs, tables }: ListDeps,
  listId: string,
  columns: readonly string[],
  chunks: AsyncIterable<ListRow[]>,
): Promise<void> {
  const lines: string[] = []
  for await (const chunk of chunks)
    for (const { line, userId, values } of chunk) {
      if (values.length !== columns.length)
        throw new Error(`Line ${line} has ${values.length} values for ${columns.length} columns.`)
      const named = columns.map((column, index) => [column, values[index] ?? null] as const)
      lines.push(
        `${JSON.stringify({ [lineColumn]: line, user_id: userId, ...Object.fromEntries(named) })}\n`,
      )
    }
  // Two writers of one list load under names of their own; the first whose table is made wins.
  const digest = digestOf(...lines)
  const loaded = `${workingPrefix}upload_${digest}`
  const fields = [
    { name: lineColumn, type: 'INTEGER' as const, mode: 'REQUIRED' as const },
    { name: 'user_id', type: 'STRING' as const, mode: 'REQUIRED' as const },
    ...columns.map((column) => ({
      name: column,
      type: 'STRING' as const,
      mode: 'NULLABLE' as const,
    })),
  ]
  const isLoaded = async () => ((await tables.find(loaded))?.rows ?? 0) === lines.length
  await tables.ensure(loaded, { fields }, true)
  if (lines.length > 0 && !(await isLoaded()))
    await jobs.run({
      id: ['list-lines', digest],
      step: 'list-lines',
      load: {
        destinationTable: connection.reference(loaded),
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        schema: { fields },
        writeDisposition: 'WRITE_TRUNCATE',
      },
      upload: () => lines,
      isThere: isLoaded,
    })
  const kept = ['user_id', ...columns].map(name).join(', ')
  await jobs.run({
    id: ['list', listId],
    step: 'list',
    query: {
      query: `CREATE TABLE IF NOT EXISTS ${connection.named(tableOf(listId))} OPTIONS (labels = [('app', 'lfm')]) AS
        SELECT ${kept} FROM ${connection.named(loaded)} WHERE TRUE
        QUALIFY ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY ${name(lineColumn)}) = 1`,
    },
    isThere: async () => (await tables.find(tableOf(listId))) !== undefined,
  })
  await tables.drop(loaded)
}

/** The list as its table tells it. */
export async function inspectList(
  { tables }: Pick<ListDeps, 'tables'>,
  listId: string,
): Promise<StoredList | undefined> {
  const table = tableOf(listId)
  const facts = await tables.find(table)
  if (!facts) return undefined
  return {
    table,
    columns: facts.columns.filter((column) => column !== 'user_id'),
    rows: facts.rows,
    sql: `SELECT ${facts.columns.map(name).join(', ')} FROM ${table}`,
  }
}

/** Removes the list. */
export async function dropList(
  { tables }: Pick<ListDeps, 'tables'>,
  listId: string,
): Promise<void> {
  await tables.drop(tableOf(listId))
}

function requireColumns(columns: readonly string[]): void {
  const seen = new Set(['user_id', lineColumn])
  for (const column of columns) {
    const lower = column.toLowerCase()
    if (!/^[a-z_][a-z0-9_]*$/.test(lower) || seen.has(lower))
      throw new Error(`${JSON.stringify(column)} can't be a column of a list, or not twice.`)
    seen.add(lower)
  }
}
