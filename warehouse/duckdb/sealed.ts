// A DuckDB for SQL that a user wrote: it sees the tables and nothing else of the machine.
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { commonSettings, inUtc } from './engine.ts'
import { type Layout } from './layout.ts'
import { firstSentences } from './refusal.ts'
import { text } from './sql-text.ts'
import { findTables, type Table, type Tables } from './tables.ts'

/** What a sealed engine is opened with. */
export interface SealedOptions {
  layout: Layout
  /** The process's own scratch folder. */
  scratch: string
  memoryLimit: string
  threads: number
  /** One more folder that statements of ours may write to. */
  writable?: string
}

/** Runs the work on a sealed engine of its own, which is gone afterwards. */
export async function sealed<T>(
  { layout, scratch, memoryLimit, threads, writable }: SealedOptions,
  work: (connection: DuckDBConnection, tables: Tables) => Promise<T>,
): Promise<T> {
  const spill = join(scratch, randomUUID())
  await mkdir(spill, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', {
    ...commonSettings,
    memory_limit: memoryLimit,
    threads: String(threads),
    temp_directory: spill,
    preserve_insertion_order: 'false',
  })
  try {
    const connection = await instance.connect()
    try {
      await connection.run(inUtc)
      const found = await findTables(layout)
      const tables: Tables = { usable: [], refused: found.refused }
      for (const table of found.usable)
        if (await makeView(connection, table, found.refused)) tables.usable.push(table)
      // Each folder ends with a slash, so that `tables` does not open `tables-old` as well.
      const folders = [
        layout.tables,
        layout.logs,
        layout.clicks,
        layout.friendEvents,
        layout.lists,
        spill,
        ...(writable ? [writable] : []),
      ]
      const allowed = folders.map((folder) => text(`${folder}/`)).join(', ')
      await connection.run(`SET allowed_directories = [${allowed}]`)
      await connection.run('SET enable_external_access = false')
      await connection.run('SET lock_configuration = true')
      return await work(connection, tables)
    } finally {
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
    await rm(spill, { recursive: true, force: true })
  }
}

async function makeView(
  connection: DuckDBConnection,
  table: Table,
  refused: Map<string, string>,
): Promise<boolean> {
  try {
    await connection.run(`CREATE VIEW "${table.name}" AS ${table.sql}`)
    return true
  } catch (error) {
    // A broken file spoils its own table only; segments that don't read it go on.
    refused.set(
      table.name.toLowerCase(),
      `The files of the table ${table.name} can't be read. ${firstSentences(error)}`,
    )
    return false
  }
}
