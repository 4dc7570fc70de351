// Datasets and tables: what is known of each, which have expired, and how they are kept over a restart.
import { type DuckDBConnection } from '@duckdb/node-api'
import { BigQueryError } from './errors.ts'
import { rowsOf, type Engine } from './engine.ts'
import { quoted, text, type Field } from './schema.ts'

/** A dataset. Times are ms since 1970. */
export interface Dataset {
  projectId: string
  datasetId: string
  location: string
  labels: Record<string, string>
  description?: string
  friendlyName?: string
  defaultTableExpirationMs?: number
  createdAt: number
  modifiedAt: number
}

/** A partition is `[start + n * interval, start + (n + 1) * interval)` up to `end`. */
export interface RangePartitioning {
  field: string
  start: number
  end: number
  interval: number
}

/** Partitions by a DATE, TIMESTAMP or DATETIME column; `field` is absent where rows are put by their arrival. */
export interface TimePartitioning {
  type: 'DAY' | 'HOUR' | 'MONTH' | 'YEAR'
  field?: string
  expirationMs?: number
}

/** A table or view. */
export interface Table {
  projectId: string
  datasetId: string
  tableId: string
  type: 'TABLE' | 'VIEW'
  schema: Field[]
  rows: number
  createdAt: number
  modifiedAt: number
  expiresAt?: number
  labels: Record<string, string>
  description?: string
  friendlyName?: string
  range?: RangePartitioning
  time?: TimePartitioning
  clustering?: string[]
  requirePartitionFilter?: boolean
  /** The query of a view. */
  view?: string
  /** Logical bytes by column, known once they were asked for since the last change of rows. */
  bytes?: Record<string, number>
}

/** Names a table. */
export interface TableName {
  projectId: string
  datasetId: string
  tableId: string
}

/** All datasets and tables. */
export type Catalog = ReturnType<typeof createCatalog>

const STATE = `CREATE TABLE IF NOT EXISTS _sim_state (kind VARCHAR, key VARCHAR, body VARCHAR, PRIMARY KEY (kind, key))`

/** DuckDB's name of a table's rows. */
export function physical({ projectId, datasetId, tableId }: TableName): string {
  return `${quoted(`${projectId}:${datasetId}`)}.${quoted(tableId)}`
}

/** As BigQuery writes a table in its messages. */
export function shown({ projectId, datasetId, tableId }: TableName): string {
  return `${projectId}:${datasetId}.${tableId}`
}

/** Makes an empty catalog; `load` reads what an earlier process has kept. */
export function createCatalog(engine: Engine, now: () => number) {
  const datasets = new Map<string, Dataset>()
  const tables = new Map<string, Table>()
  const datasetKey = (projectId: string, datasetId: string) => `${projectId}:${datasetId}`

  async function keep(connection: DuckDBConnection, kind: string, key: string, value: object) {
    await connection.run(
      `INSERT OR REPLACE INTO _sim_state VALUES (${text(kind)}, ${text(key)}, ${text(JSON.stringify(value))})`,
    )
  }

  function isGone(table: Table): boolean {
    return table.expiresAt !== undefined && table.expiresAt <= now()
  }

  const catalog = {
    keep,
    async load(): Promise<{ key: string; body: string }[]> {
      return engine.with(async (connection) => {
        await connection.run(STATE)
        const kept = await rowsOf(connection, 'SELECT kind, key, body FROM _sim_state')
        const others: { key: string; body: string }[] = []
        for (const [kind, key, body] of kept) {
          if (typeof key !== 'string' || typeof body !== 'string') continue
          // What stands here was written by this file and by jobs.ts, in the same form.
          if (kind === 'dataset') datasets.set(key, JSON.parse(body) as Dataset)
          else if (kind === 'table') tables.set(key, JSON.parse(body) as Table)
          else others.push({ key, body })
        }
        return others
      })
    },
    datasets: (projectId: string) =>
      [...datasets.values()].filter(
        (dataset) => dataset.projectId === projectId && !dataset.datasetId.startsWith('_'),
      ),
    findDataset: (projectId: string, datasetId: string) =>
      datasets.get(datasetKey(projectId, datasetId)),
    async putDataset(dataset: Dataset) {
      const key = datasetKey(dataset.projectId, dataset.datasetId)
      datasets.set(key, dataset)
      await engine.with(async (connection) => {
        await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(key)}`)
        await keep(connection, 'dataset', key, dataset)
      })
    },
    async dropDataset(projectId: string, datasetId: string) {
      const key = datasetKey(projectId, datasetId)
      datasets.delete(key)
      for (const [name, table] of tables)
        if (table.projectId === projectId && table.datasetId === datasetId) tables.delete(name)
      await engine.with(async (connection) => {
        await connection.run(`DROP SCHEMA IF EXISTS ${quoted(key)} CASCADE`)
        await connection.run(
          `DELETE FROM _sim_state WHERE (kind = 'dataset' AND key = ${text(key)}) OR (kind = 'table' AND starts_with(key, ${text(`${key}.`)}))`,
        )
      })
    },
    /** The dataset, or the refusal that BigQuery gives. */
    dataset(projectId: string, datasetId: string, location?: string): Dataset {
      const found = datasets.get(datasetKey(projectId, datasetId))
      if (!found || (location !== undefined && found.location !== location))
        throw new BigQueryError(
          'notFound',
          `Not found: Dataset ${projectId}:${datasetId}${location === undefined ? '' : ` was not found in location ${location}`}`,
        )
      return found
    },
    tables: (projectId: string, datasetId: string) =>
      [...tables.values()].filter(
        (table) => table.projectId === projectId && table.datasetId === datasetId && !isGone(table),
      ),
    /** The table unless there is none or it has expired. */
    find(name: TableName): Table | undefined {
      const table = tables.get(shown(name))
      return table && !isGone(table) ? table : undefined
    },
    /** Notes a table's new state; inside the transaction that changes its rows, where there is one. */
    async keepTable(connection: DuckDBConnection, table: Table) {
      await keep(connection, 'table', shown(table), table)
    },
    /** What `keepTable` noted holds from now on. */
    setTable(table: Table) {
      tables.set(shown(table), table)
    },
    async dropTable(connection: DuckDBConnection, table: TableName) {
      await connection.run(`DROP TABLE IF EXISTS ${physical(table)}`)
      await connection.run(
        `DELETE FROM _sim_state WHERE kind = 'table' AND key = ${text(shown(table))}`,
      )
      tables.delete(shown(table))
    },
    /** Frees what has expired. */
    async sweep() {
      const gone = [...tables.values()].filter(isGone)
      if (gone.length === 0) return
      await engine.with(async (connection) => {
        for (const table of gone) await catalog.dropTable(connection, table)
      })
    },
    /** Logical bytes of these columns of a table (`*` for all), as BigQuery counts them. */
    async bytesOf(table: Table, names: ReadonlySet<string>): Promise<number> {
      if (table.type === 'VIEW') return 0
      const bytes = (table.bytes ??= await measure(engine, table))
      const all = names.has('*')
      return Object.entries(bytes).reduce(
        (sum, [name, size]) => (all || names.has(name.toLowerCase()) ? sum + size : sum),
        0,
      )
    },
  }
  return catalog
}

async function measure(engine: Engine, table: Table): Promise<Record<string, number>> {
  if (table.schema.length === 0) return {}
  const sizes = table.schema.map((field) => `CAST(coalesce(sum(${sizeOf(field)}), 0) AS DOUBLE)`)
  const [row = []] = await engine.with((connection) =>
    rowsOf(connection, `SELECT ${sizes.join(', ')} FROM ${physical(table)}`),
  )
  return Object.fromEntries(table.schema.map(({ name }, index) => [name, Number(row[index] ?? 0)]))
}

/** Bytes of a value by BigQuery's table "Data type sizes"; NULL is 0. */
function sizeOf(field: Field): string {
  const column = quoted(field.name)
  const known = `CASE WHEN ${column} IS NULL THEN 0 ELSE`
  if (field.mode === 'REPEATED' || field.type === 'RECORD')
    return `${known} strlen(CAST(${column} AS VARCHAR)) END`
  switch (field.type) {
    case 'STRING':
      return `${known} 2 + strlen(${column}) END`
    case 'JSON':
      return `${known} strlen(CAST(${column} AS VARCHAR)) END`
    case 'BYTES':
      return `${known} 2 + octet_length(${column}) END`
    case 'BOOLEAN':
      return `${known} 1 END`
    case 'NUMERIC':
      return `${known} 16 END`
    default:
      return `${known} 8 END`
  }
}
