// Answers the calls about datasets and tables.
import { z } from 'zod'
import { layoutShape, read, readLayout } from './configurations.ts'
import { physical, shown, type Dataset, type Table, type TableName } from './catalog.ts'
import { BigQueryError } from './errors.ts'
import { canonical } from './jobs.ts'
import { checkPartitioning } from './partitions.ts'
import { planQuery } from './plan.ts'
import { duckType, quoted, readFields } from './schema.ts'
import { type World } from './world.ts'

const whole = z.union([z.string().regex(/^\d+$/), z.number()]).transform(Number)
const labels = z.record(z.string(), z.string().nullable())

const datasetShape = z.object({
  datasetReference: z.object({ datasetId: z.string().regex(/^[A-Za-z0-9_]{1,1024}$/) }).optional(),
  location: z.string().optional(),
  labels: labels.optional(),
  description: z.string().nullable().optional(),
  friendlyName: z.string().nullable().optional(),
  defaultTableExpirationMs: whole.nullable().optional(),
})

const tableShape = layoutShape.extend({
  tableReference: z.object({ tableId: z.string().min(1).max(1024) }).optional(),
  schema: z.object({ fields: z.unknown() }).optional(),
  labels: labels.optional(),
  description: z.string().nullable().optional(),
  friendlyName: z.string().nullable().optional(),
  expirationTime: whole.nullable().optional(),
  view: z.object({ query: z.string(), useLegacySql: z.boolean().optional() }).optional(),
})

/** Makes the endpoints of datasets and tables. */
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

    listDatasets: (projectId: string): object => ({
      kind: 'bigquery#datasetList',
      datasets: catalog.datasets(projectId).map((dataset) => datasetResource(dataset)),
    }),
    getDataset: (projectId: string, datasetId: string): object =>
      datasetResource(catalog.dataset(projectId, datasetId)),
    async insertDataset(projectId: string, body: unknown): Promise<object> {
      const given = read(datasetShape, body)
      const datasetId = given.datasetReference?.datasetId
      if (datasetId === undefined)
        throw new BigQueryError('required', 'Required parameter is missing: datasetId')
      if (catalog.findDataset(projectId, datasetId))
        throw new BigQueryError('duplicate', `Already Exists: Dataset ${projectId}:${datasetId}`)
      const dataset: Dataset = {
        projectId,
        datasetId,
        location: canonical(given.location ?? settings.defaultLocation),
        labels: withoutNulls(given.labels ?? {}),
        createdAt: now(),
        modifiedAt: now(),
        ...optional('description', given.description),
        ...optional('friendlyName', given.friendlyName),
        ...optional('defaultTableExpirationMs', given.defaultTableExpirationMs),
      }
      await catalog.putDataset(dataset)
      return datasetResource(dataset)
    },
    async patchDataset(projectId: string, datasetId: string, body: unknown): Promise<object> {
      const given = read(datasetShape, body)
      const dataset: Dataset = { ...catalog.dataset(projectId, datasetId), modifiedAt: now() }
      if (given.labels) dataset.labels = withoutNulls({ ...dataset.labels, ...given.labels })
      change(dataset, 'description', given.description)
      change(dataset, 'friendlyName', given.friendlyName)
      change(dataset, 'defaultTableExpirationMs', given.defaultTableExpirationMs)
      await catalog.putDataset(dataset)
      return datasetResource(dataset)
    },
    async deleteDataset(
      projectId: string,
      datasetId: string,
      query: URLSearchParams,
    ): Promise<void> {
      catalog.dataset(projectId, datasetId)
      if (query.get('deleteContents') !== 'true' && catalog.tables(projectId, datasetId).length > 0)
        throw new BigQueryError(
          'invalid',
          `Dataset ${projectId}:${datasetId} is still in use`,
          undefined,
          400,
        )
      await catalog.dropDataset(projectId, datasetId)
    },

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

function withoutNulls(given: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

function optional<K extends string, V>(key: K, value: V | null | undefined): Partial<Record<K, V>> {
  return value === null || value === undefined ? {} : ({ [key]: value } as Record<K, V>)
}

function change<T extends object, K extends keyof T>(
  target: T,
  key: K,
  value: T[K] | null | undefined,
) {
  if (value === null) delete target[key]
  else if (value !== undefined) target[key] = value
}

function datasetResource(dataset: Dataset) {
  const {
    projectId,
    datasetId,
    location,
    labels: marks,
    description,
    friendlyName,
    defaultTableExpirationMs,
  } = dataset
  return {
    kind: 'bigquery#dataset',
    etag: String(dataset.modifiedAt),
    id: `${projectId}:${datasetId}`,
    datasetReference: { projectId, datasetId },
    location,
    labels: marks,
    description,
    friendlyName,
    ...(defaultTableExpirationMs === undefined
      ? {}
      : { defaultTableExpirationMs: String(defaultTableExpirationMs) }),
    creationTime: String(dataset.createdAt),
    lastModifiedTime: String(dataset.modifiedAt),
  }
}

function tableResource(table: Table, bytes: number) {
  const { projectId, datasetId, tableId, range, time } = table
  return {
    kind: 'bigquery#table',
    etag: String(table.modifiedAt),
    id: shown(table),
    tableReference: { projectId, datasetId, tableId },
    type: table.type,
    schema: { fields: table.schema },
    labels: table.labels,
    description: table.description,
    friendlyName: table.friendlyName,
    numRows: String(table.rows),
    numBytes: String(bytes),
    creationTime: String(table.createdAt),
    lastModifiedTime: String(table.modifiedAt),
    ...(table.expiresAt === undefined ? {} : { expirationTime: String(table.expiresAt) }),
    ...(range
      ? {
          rangePartitioning: {
            field: range.field,
            range: {
              start: String(range.start),
              end: String(range.end),
              interval: String(range.interval),
            },
          },
        }
      : {}),
    ...(time
      ? {
          timePartitioning: {
            type: time.type,
            field: time.field,
            ...(time.expirationMs === undefined ? {} : { expirationMs: String(time.expirationMs) }),
          },
        }
      : {}),
    ...(table.clustering ? { clustering: { fields: table.clustering } } : {}),
    ...(table.requirePartitionFilter === undefined
      ? {}
      : { requirePartitionFilter: table.requirePartitionFilter }),
    ...(table.view === undefined ? {} : { view: { query: table.view, useLegacySql: false } }),
  }
}
