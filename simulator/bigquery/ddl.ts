// Runs the statements that make, change or remove tables, and DML.
import { type DuckDBConnection } from '@duckdb/node-api'
import { physical, shown, type Table, type TableName } from './catalog.ts'
import { inTransaction, rowsOf } from './engine.ts'
import { BigQueryError } from './errors.ts'
import { type Job } from './jobs.ts'
import { type Plan } from './plan.ts'
import { alreadyThere, millisOf, type QueryDeps } from './query-job.ts'
import { duckType, quoted, type Field } from './schema.ts'
import { type TableOptions } from './table-clauses.ts'
import { writeTable } from './write-table.ts'

type Source = () => Promise<{ sql: string; fields: Field[] }>

/** Runs a statement that is no SELECT and gives what its statistics get besides. @throws BigQueryError */
export async function changeTables(
  deps: QueryDeps,
  connection: DuckDBConnection,
  job: Job,
  plan: Plan,
  source: Source,
): Promise<Record<string, unknown>> {
  const { statement, target } = plan
  const { catalog, now } = deps
  if (!target) throw new Error('A statement that is no SELECT has no target.')
  const existing = catalog.find(target)
  const done = (ddlOperationPerformed: string) => ({
    ddlOperationPerformed,
    ddlTargetTable: target,
  })

  switch (statement.type) {
    case 'CREATE_TABLE':
    case 'CREATE_TABLE_AS_SELECT': {
      if (existing && statement.ifNotExists) return done('SKIP')
      if (existing && !statement.isOrReplace) throw alreadyThere(target)
      const facts = await factsOf(connection, statement.options, plan)
      const rows =
        statement.type === 'CREATE_TABLE_AS_SELECT'
          ? await source()
          : {
              fields: statement.columns ?? [],
              sql: `SELECT ${(statement.columns ?? []).map((field) => `CAST(NULL AS ${duckType(field)}) AS ${quoted(field.name)}`).join(', ')} WHERE false`,
            }
      const { table } = await writeTable(deps, connection, {
        target, source: rows.sql, fields: rows.fields, disposition: 'REPLACE', createsTable: true, facts, isQuery: true,
      }) // prettier-ignore
      catalog.setTable(table)
      job.destination = target
      job.rows = 0
      return done(existing ? 'REPLACE' : 'CREATE')
    }
    case 'CREATE_VIEW': {
      if (existing && statement.ifNotExists) return done('SKIP')
      if (existing && !statement.isOrReplace) throw alreadyThere(target)
      const { fields } = await source()
      const facts = await factsOf(connection, statement.options, plan)
      const table: Table = {
        ...target, type: 'VIEW', schema: fields, rows: 0, createdAt: now(), modifiedAt: now(), labels: {}, ...facts, view: statement.viewText ?? '',
      } // prettier-ignore
      await catalog.keepTable(connection, table)
      catalog.setTable(table)
      return done(existing ? 'REPLACE' : 'CREATE')
    }
    case 'DROP_TABLE':
    case 'DROP_VIEW':
      if (!existing && statement.ifExists) return done('SKIP')
      if (existing?.type !== (statement.type === 'DROP_VIEW' ? 'VIEW' : 'TABLE'))
        throw missing(target)
      await catalog.dropTable(connection, target)
      return done('DROP')
    case 'ALTER_TABLE': {
      if (!existing && statement.ifExists) return done('SKIP')
      if (!existing) throw missing(target)
      deps.quotas.update(target)
      const table = {
        ...existing,
        ...(await factsOf(connection, statement.options, plan)),
        modifiedAt: now(),
      }
      await catalog.keepTable(connection, table)
      catalog.setTable(table)
      return done('ALTER')
    }
    default:
      return change(deps, connection, plan, target, existing)
  }
}

async function change(
  deps: QueryDeps,
  connection: DuckDBConnection,
  plan: Plan,
  target: TableName,
  existing: Table | undefined,
) {
  if (!existing) throw missing(target)
  const { catalog, now } = deps
  const changed = await inTransaction(connection, async () => {
    const result = await connection.run(plan.sent.sql)
    const [row] = await rowsOf(connection, `SELECT count(*) FROM ${physical(target)}`)
    const { bytes: _, ...kept } = existing
    const table: Table = { ...kept, rows: Number(row?.[0] ?? 0), modifiedAt: now() }
    await catalog.keepTable(connection, table)
    return { table, rows: result.rowsChanged }
  })
  catalog.setTable(changed.table)
  return { numDmlAffectedRows: String(changed.rows) }
}

async function factsOf(
  connection: DuckDBConnection,
  options: TableOptions,
  { statement }: Plan,
): Promise<Partial<Table>> {
  const { range, time, clustering } = statement
  const { expiration, labels, description, friendlyName, requirePartitionFilter } = options
  return {
    ...(range ? { range } : {}),
    ...(time ? { time } : {}),
    ...(clustering ? { clustering } : {}),
    ...(expiration === undefined ? {} : { expiresAt: await millisOf(connection, expiration) }),
    ...(labels ? { labels } : {}),
    ...(description === undefined ? {} : { description }),
    ...(friendlyName === undefined ? {} : { friendlyName }),
    ...(requirePartitionFilter === undefined ? {} : { requirePartitionFilter }),
  }
}

function missing(name: TableName): BigQueryError {
  return new BigQueryError('notFound', `Not found: Table ${shown(name)}`)
}
