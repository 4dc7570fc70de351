// Runs query jobs: dry, into a destination, or as DDL and DML; counts their bytes first.
import { type DuckDBConnection } from '@duckdb/node-api'
import { shown, type Catalog, type Table, type TableName } from './catalog.ts'
import { type QueryConfiguration } from './configurations.ts'
import { changeTables } from './ddl.ts'
import { rowsOf, type Engine } from './engine.ts'
import { translated } from './engine-errors.ts'
import { BigQueryError, stopped, unsupported } from './errors.ts'
import { type Job, type LiveJob } from './jobs.ts'
import { type Plan } from './plan.ts'
import { type Quotas } from './quotas.ts'
import { duckType, fieldOf, quoted, type Field } from './schema.ts'
import { type Settings } from './settings.ts'
import { writeTable } from './write-table.ts'

/** What query jobs work with. */
export interface QueryDeps {
  engine: Engine
  catalog: Catalog
  quotas: Quotas
  settings: Settings
  now: () => number
}

const megabyte = 1_048_576

/** What a query would read and be billed for: at least 10 MB a table, in whole megabytes. */
async function costOf({ catalog }: QueryDeps, plan: Plan) {
  let processed = 0
  let billed = 0
  for (const table of plan.tables) {
    const bytes = await catalog.bytesOf(table, plan.names)
    processed += bytes
    billed += Math.max(10 * megabyte, Math.ceil(bytes / megabyte) * megabyte)
  }
  return { processed, billed }
}

/** Fields of the query's result; nothing runs. @throws BigQueryError invalidQuery with the place */
export async function describe(connection: DuckDBConnection, plan: Plan): Promise<Field[]> {
  const { sent } = plan
  try {
    const prepared = await connection.prepare(sent.sql)
    try {
      let unnamed = 0
      const written = new Set([...plan.names])
      return Array.from({ length: prepared.columnCount }, (_, index) => {
        const name = prepared.columnName(index)
        // DuckDB names a column without an alias after its expression.
        const isNamed = /^[A-Za-z_]\w*$/.test(name) || written.has(name.toLowerCase())
        return fieldOf(isNamed ? name : `f${unnamed++}_`, prepared.columnType(index))
      })
    } finally {
      prepared.destroySync()
    }
  } catch (error) {
    throw translated(error, sent)
  }
}

/** Checks a query as a dry run does and fills the job's statistics. @throws BigQueryError */
export async function dryRun(deps: QueryDeps, job: Job, plan: Plan): Promise<void> {
  const { statement } = plan
  if (statement.type !== 'SCRIPT')
    await deps.engine.with(async (connection) => {
      if (statement.pieces.length > 0 && statement.opening === undefined)
        job.schema = await describe(connection, plan)
      else if (statement.opening !== undefined) await describe(connection, plan)
    })
  const cost = await costOf(deps, plan)
  job.totalBytesProcessed = cost.processed
  job.statistics = {
    query: {
      ...queryStatistics(plan, cost.processed, 0),
      totalBytesProcessedAccuracy: 'PRECISE',
      ...(job.schema ? { schema: { fields: job.schema } } : {}),
    },
  }
}

function queryStatistics(plan: Plan, processed: number, billed: number): Record<string, unknown> {
  return {
    statementType: plan.statement.type,
    totalBytesProcessed: String(processed),
    totalBytesBilled: String(billed),
    totalSlotMs: '1',
    cacheHit: false,
    referencedTables: plan.tables.map(({ projectId, datasetId, tableId }) => ({
      projectId,
      datasetId,
      tableId,
    })),
  }
}

/** Runs the query of a job to its end. @throws BigQueryError with which the job fails */
export async function runQuery(
  deps: QueryDeps,
  live: LiveJob,
  plan: Plan,
  configuration: QueryConfiguration,
  anonymous: TableName,
): Promise<void> {
  const { job } = live
  const { statement } = plan
  if (statement.type === 'SCRIPT') throw unsupported('scripts of several statements')
  const cost = await costOf(deps, plan)
  const limit = configuration.maximumBytesBilled
  if (limit !== undefined && cost.billed > limit)
    throw new BigQueryError(
      'bytesBilledLimitExceeded',
      `Query exceeded limit for bytes billed: ${limit}. ${cost.billed} or higher required.`,
    )
  job.totalBytesProcessed = cost.processed
  const statistics = queryStatistics(plan, cost.processed, cost.billed)
  job.statistics = { query: statistics }
  await deps.engine.with(async (connection) => {
    live.interrupt = () => connection.interrupt()
    if (live.isCancelled) throw stopped()
    try {
      if (statement.type === 'SELECT') await select(connection)
      else
        Object.assign(
          statistics,
          await changeTables(deps, connection, job, plan, () => source(connection)),
        )
    } catch (error) {
      throw live.isCancelled ? stopped() : translated(error, plan.sent)
    } finally {
      live.interrupt = undefined
    }
  })
  statistics.totalSlotMs = String(Math.max(1, deps.now() - (job.startedAt ?? deps.now())))

  /** The query as a SELECT with the names and types that a table of its result has. */
  async function source(connection: DuckDBConnection): Promise<{ sql: string; fields: Field[] }> {
    const fields = await describe(connection, plan)
    const columns = fields.map(
      (field, index) => `CAST(c${index} AS ${duckType(field)}) AS ${quoted(field.name)}`,
    )
    const aliases = fields.map((_, index) => `c${index}`)
    return {
      fields,
      sql: `SELECT ${columns.join(', ')} FROM (${plan.sent.sql}) AS result(${aliases.join(', ')})`,
    }
  }

  async function select(connection: DuckDBConnection): Promise<void> {
    const { sql, fields } = await source(connection)
    const target = configuration.destination ?? anonymous
    const isOwn = configuration.destination !== undefined
    if (isOwn) deps.quotas.modify(target, false)
    const { range, time, clustering } = configuration
    const facts: Partial<Table> = {
      ...(isOwn ? {} : { expiresAt: deps.now() + 24 * 60 * 60 * 1000 }),
      ...(range ? { range } : {}),
      ...(time ? { time } : {}),
      ...(clustering ? { clustering } : {}),
    }
    const { table, written } = await writeTable(deps, connection, {
      target,
      source: sql,
      fields,
      disposition: isOwn ? configuration.writeDisposition : 'WRITE_TRUNCATE',
      createsTable: configuration.createDisposition !== 'CREATE_NEVER',
      facts,
      isQuery: true,
    })
    deps.catalog.setTable(table)
    job.schema = fields
    job.rows = written
    job.destination = target
  }
}

/** Evaluates an expression of an option to ms since 1970. */
export async function millisOf(connection: DuckDBConnection, sql: string): Promise<number> {
  const [row] = await rowsOf(
    connection,
    `SELECT epoch_ms(CAST(${sql} AS TIMESTAMP WITH TIME ZONE))`,
  )
  return Number(row?.[0])
}

/** The refusal of a table that is there already. */
export function alreadyThere(name: TableName): BigQueryError {
  return new BigQueryError('duplicate', `Already Exists: Table ${shown(name)}`)
}
