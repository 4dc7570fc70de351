// Datasets and tables as the API writes them.
import { shown, type Dataset, type Table } from './catalog.ts'

/** The Dataset resource. */
export function datasetResource(dataset: Dataset) {
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

/** The Table resource; `bytes` is its `numBytes`. */
export function tableResource(table: Table, bytes: number) {
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
