// Writes the rows of a query or load into a table, whole or not at all, by BigQuery's dispositions.
import { type DuckDBConnection } from '@duckdb/node-api'
import { physical, shown, type Catalog, type Table, type TableName } from './catalog.ts'
import { inTransaction, rowsOf } from './engine.ts'
import { BigQueryError } from './errors.ts'
import { checkPartitioning, partitionOf } from './partitions.ts'
import { duckType, quoted, type Field } from './schema.ts'
import { type Settings } from './settings.ts'

/** What is written. */
export interface TableWrite {
  target: TableName
  /** A SELECT that gives the fields in their order, under their names and with their types. */
  source: string
  fields: Field[]
  disposition: 'WRITE_EMPTY' | 'WRITE_APPEND' | 'WRITE_TRUNCATE' | 'REPLACE'
  createsTable: boolean
  /** What a table that is made anew gets besides. */
  facts: Partial<Table>
  isQuery: boolean
}

/** What writing works with. */
export interface WriteDeps {
  catalog: Catalog
  settings: Settings
  now: () => number
}

/** Writes and gives the table and the number of rows that came. @throws BigQueryError, or DuckDB's error */
export async function writeTable(
  deps: WriteDeps,
  connection: DuckDBConnection,
  write: TableWrite,
): Promise<{ table: Table; written: number }> {
  const { catalog, settings, now } = deps
  const { target, source, fields, disposition } = write
  const existing = catalog.find(target)
  if (existing?.type === 'VIEW')
    throw new BigQueryError('invalid', `Cannot write to ${shown(target)}: it is a view.`)
  if (!existing && !write.createsTable)
    throw new BigQueryError('notFound', `Not found: Table ${shown(target)}`)
  if (existing && disposition === 'WRITE_EMPTY' && existing.rows > 0)
    throw new BigQueryError('duplicate', `Already Exists: Table ${shown(target)}`)
  refuseDoubles(fields)
  const isAppend =
    existing !== undefined &&
    existing.schema.length > 0 &&
    (disposition === 'WRITE_APPEND' || disposition === 'WRITE_EMPTY')
  const dataset = catalog.dataset(target.projectId, target.datasetId)
  const lifetime = dataset.defaultTableExpirationMs
  const base: Table =
    existing && disposition !== 'REPLACE'
      ? existing
      : {
          ...target,
          type: 'TABLE',
          schema: [],
          rows: 0,
          createdAt: now(),
          modifiedAt: now(),
          labels: {},
          ...(lifetime === undefined ? {} : { expiresAt: now() + lifetime }),
          ...write.facts,
        }
  checkPartitioning(base, settings.partitionsPerTable)
  const partition = partitionOf(base)
  const name = physical(target)

  return inTransaction(connection, async () => {
    if (isAppend) {
      matchSchemas(existing, write, settings)
      const columns = fields.map((field) => quoted(field.name)).join(', ')
      await refuseNulls(connection, existing.schema, write)
      await countPartitions(partition, source)
      const before = await count()
      await connection.run(
        `INSERT INTO ${name} (${columns}) SELECT ${columns} FROM (${source})${ordered(partition)}`,
      )
      return finish(base.schema, before)
    }
    // One that has expired may still be there.
    await connection.run(`DROP TABLE IF EXISTS ${name}`)
    await countPartitions(partition, source)
    await connection.run(`CREATE TABLE ${name} AS SELECT * FROM (${source})${ordered(partition)}`)
    await refuseNulls(connection, fields, { ...write, source: `SELECT * FROM ${name}` })
    return finish(fields, 0)
  })

  async function count(): Promise<number> {
    const [row] = await rowsOf(connection, `SELECT count(*) FROM ${name}`)
    return Number(row?.[0] ?? 0)
  }

  async function finish(schema: Field[], before: number) {
    const rows = await count()
    const { bytes: _, ...kept } = base
    const table: Table = { ...kept, schema, rows, modifiedAt: now() }
    await catalog.keepTable(connection, table)
    return { table, written: rows - before }
  }

  async function countPartitions(by: string | undefined, from: string) {
    if (by === undefined) return
    const [row] = await rowsOf(connection, `SELECT count(DISTINCT ${by}) FROM (${from})`)
    const partitions = Number(row?.[0] ?? 0)
    if (partitions > settings.partitionsPerJob)
      throw new BigQueryError(
        'resourcesExceeded',
        `Too many partitions produced by query, allowed ${settings.partitionsPerJob}, query produces at least ${partitions} partitions`,
      )
  }
}

/** Rows of one partition lie together, so that a partition is read without the rest. */
const ordered = (partition: string | undefined) =>
  partition === undefined ? '' : ` ORDER BY ${partition}`

function refuseDoubles(fields: readonly Field[]) {
  const seen = new Set<string>()
  for (const { name } of fields) {
    if (seen.has(name.toLowerCase()))
      throw new BigQueryError(
        'invalidQuery',
        `Duplicate column names in the result are not supported. Found duplicate(s): ${name}`,
        'query',
      )
    seen.add(name.toLowerCase())
  }
}

function matchSchemas(existing: Table, { fields, isQuery }: TableWrite, settings: Settings) {
  const mismatch = (what: string) =>
    new BigQueryError('invalid', `Provided Schema does not match Table ${shown(existing)}. ${what}`)
  for (const field of fields) {
    const there = existing.schema.find(
      ({ name }) => name.toLowerCase() === field.name.toLowerCase(),
    )
    if (!there) throw mismatch(`Cannot add fields (field: ${field.name})`)
    if (duckType(there) !== duckType(field))
      throw mismatch(`Field ${field.name} has changed type from ${there.type} to ${field.type}`)
    if (isQuery && there.mode === 'REQUIRED' && settings.requiredOnAppend === 'refuse')
      throw mismatch(`Field ${field.name} has changed mode from REQUIRED to NULLABLE`)
  }
  for (const { name, mode } of existing.schema)
    if (
      mode === 'REQUIRED' &&
      !fields.some((field) => field.name.toLowerCase() === name.toLowerCase())
    )
      throw mismatch(`Field ${name} is missing in new schema`)
}

async function refuseNulls(
  connection: DuckDBConnection,
  schema: readonly Field[],
  write: TableWrite,
) {
  const required = schema.filter(({ mode }) => mode === 'REQUIRED')
  if (required.length === 0) return
  const counts = required.map(({ name }) => `count(*) - count(${quoted(name)})`).join(', ')
  const [row = []] = await rowsOf(connection, `SELECT ${counts} FROM (${write.source})`)
  const empty = required.find((_, index) => Number(row[index]) > 0)
  if (empty) throw new BigQueryError('invalid', `Required field ${empty.name} cannot be null`)
}
