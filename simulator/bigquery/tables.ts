// Answers the calls about tables.
import { z } from 'zod'
import { layoutShape, read, readLayout } from './configurations.ts'
import { physical, shown, type Dataset, type Table, type TableName } from './catalog.ts'
import { change, labels, optional, whole, withoutNulls } from './patches.ts'
import { tableResource } from './resources.ts'
import { BigQueryError } from './errors.ts'
import { checkPartitioning } from './partitions.ts'
import { planQuery } from './plan.ts'
import { duckType, quoted, readFields } from './schema.ts'
import { type World } from './world.ts'

const tableShape = layoutShape.extend({
  tableReference: z.object({ tableId: z.string().min(1).max(1024) }).optional(),
  schema: z.object({ fields: z.unknown() }).optional(),
  labels: labels.optional(),
  description: z.string().nullable().optional(),
  friendlyName: z.string().nullable().optional(),
  expirationTime: whole.nullable().optional(),
  view: z.object({ query: z.string(), useLegacySql: z.boolean().optional() }).optional(),
})

/** Makes the endpoints of tables. */
export function createTableEndpoints(world: World) {
  const { catalog, engine, now, settings, quotas } = world

  function table(name: TableName): Table {
    catalog.dataset(name.projectId, name.datasetId)
    const found = catalog.find(name)
    if (!found) throw new BigQueryError('notFound', `Not found: Table ${shown(name)}`)
    return found
  }

  async function keep(changed: Table) {
    await engine.with((connection) => catalog.keepTable(connection, changed))
    catalog.setTable(changed)
  }

  return {
    table,

    list(projectId: string, datasetId: string, query: URLSearchParams): object {
      catalog.dataset(projectId, datasetId)
      const found = catalog
        .tables(projectId, datasetId)
        .sort((a, b) => (a.tableId < b.tableId ? -1 : 1))
      const most = Number(query.get('maxResults') ?? 50)
      const from = Number(query.get('pageToken') ?? 0)
      return {
        kind: 'bigquery#tableList',
        totalItems: found.length,
        tables: found.slice(from, from + most).map((one) => {
          const {
            tableReference,
            id,
            type,
            creationTime,
            expirationTime,
            labels: marks,
            ...rest
          } = tableResource(one, 0)
          const { rangePartitioning, timePartitioning, clustering } = rest
          return {
            kind: 'bigquery#table',
            id,
            tableReference,
            type,
            creationTime,
            expirationTime,
            labels: marks,
            rangePartitioning,
            timePartitioning,
            clustering,
          }
        }),
        ...(from + most < found.length ? { nextPageToken: String(from + most) } : {}),
      }
    },
    async get(name: TableName): Promise<object> {
      const found = table(name)
      return tableResource(found, await catalog.bytesOf(found, new Set(['*'])))
    },
    async insert(projectId: string, datasetId: string, body: unknown): Promise<object> {
      const given = read(tableShape, body)
      const dataset = catalog.dataset(projectId, datasetId)
      const tableId = given.tableReference?.tableId
      if (tableId === undefined)
        throw new BigQueryError('required', 'Required parameter is missing: tableId')
      const name = { projectId, datasetId, tableId }
      if (catalog.find(name))
        throw new BigQueryError('duplicate', `Already Exists: Table ${shown(name)}`)
      const expiresAt =
        given.expirationTime ??
        (dataset.defaultTableExpirationMs === undefined
          ? undefined
          : now() + dataset.defaultTableExpirationMs)
      const made: Table = {
        ...name,
        type: given.view ? 'VIEW' : 'TABLE',
        schema: given.schema ? readFields(given.schema.fields) : [],
        rows: 0,
        createdAt: now(),
        modifiedAt: now(),
        labels: withoutNulls(given.labels ?? {}),
        ...readLayout(given),
        ...optional('description', given.description),
        ...optional('friendlyName', given.friendlyName),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(given.view ? { view: given.view.query } : {}),
      }
      refusePast(made.expiresAt)
      checkPartitioning(made, settings.partitionsPerTable)
      if (made.view !== undefined) made.schema = await viewSchema(made.view, dataset)
      await engine.with(async (connection) => {
        await connection.run(`DROP TABLE IF EXISTS ${physical(name)}`)
        if (made.schema.length > 0 && made.type === 'TABLE')
          await connection.run(
            `CREATE TABLE ${physical(name)} (${made.schema.map((field) => `${quoted(field.name)} ${duckType(field)}`).join(', ')})`,
          )
      })
      await keep(made)
      return tableResource(made, 0)
    },
    /** tables.patch: what is not given stays, null takes away. */
    async patch(name: TableName, body: unknown): Promise<object> {
      const given = read(tableShape, body)
      const changed: Table = { ...table(name), modifiedAt: now() }
      quotas.update(name)
      if (given.labels) changed.labels = withoutNulls({ ...changed.labels, ...given.labels })
      change(changed, 'description', given.description)
      change(changed, 'friendlyName', given.friendlyName)
      change(changed, 'expiresAt', given.expirationTime)
      refusePast(given.expirationTime ?? undefined)
      if (given.view) {
        changed.view = given.view.query
        changed.schema = await viewSchema(
          given.view.query,
          catalog.dataset(name.projectId, name.datasetId),
        )
      }
      if (given.schema) await changeSchema(changed, given.schema.fields)
      const { range, time, clustering } = readLayout(given)
      if (range && JSON.stringify(range) !== JSON.stringify(changed.range))
        throw new BigQueryError('invalid', 'Cannot change the partitioning spec of a table.')
      if (time) changed.time = time
      if (clustering) changed.clustering = clustering
      await keep(changed)
      return tableResource(changed, await catalog.bytesOf(changed, new Set(['*'])))
    },
    async delete(name: TableName): Promise<void> {
      table(name)
      await engine.with((connection) => catalog.dropTable(connection, name))
    },
  }

  /** New columns may come at the end, and REQUIRED may become NULLABLE; nothing else. */
  async function changeSchema(changed: Table, value: unknown) {
    const fields = readFields(value)
    for (const [index, old] of changed.schema.entries()) {
      const same = fields[index]
      if (
        !same ||
        same.name !== old.name ||
        duckType(same) !== duckType(old) ||
        (old.mode !== 'REQUIRED' && same.mode === 'REQUIRED')
      )
        throw new BigQueryError(
          'invalid',
          `Provided Schema does not match Table ${shown(changed)}. Field ${old.name} was changed or is missing.`,
        )
    }
    const added = fields.slice(changed.schema.length)
    await engine.with(async (connection) => {
      if (changed.schema.length === 0)
        await connection.run(
          `CREATE TABLE ${physical(changed)} (${fields.map((field) => `${quoted(field.name)} ${duckType(field)}`).join(', ')})`,
        )
      else
        for (const field of added)
          await connection.run(
            `ALTER TABLE ${physical(changed)} ADD COLUMN ${quoted(field.name)} ${duckType(field)}`,
          )
    })
    changed.schema = fields
    delete changed.bytes
  }

  async function viewSchema(sql: string, { projectId, location }: Dataset) {
    const planned = planQuery(
      { catalog, now, defaultLocation: settings.defaultLocation },
      { sql, projectId, location, defaultDataset: undefined, parameters: new Map() },
    )
    return world.describe(planned)
  }

  /** BigQuery refuses an expiry that is past. */
  function refusePast(expiresAt: number | undefined) {
    if (expiresAt !== undefined && expiresAt <= now())
      throw new BigQueryError(
        'invalid',
        'Invalid value for expirationTime: the time is in the past',
      )
  }
}
