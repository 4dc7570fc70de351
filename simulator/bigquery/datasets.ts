// Answers the calls about datasets.
import { z } from 'zod'
import { read } from './configurations.ts'
import { type Dataset } from './catalog.ts'
import { BigQueryError } from './errors.ts'
import { canonical } from './jobs.ts'
import { change, labels, optional, whole, withoutNulls } from './patches.ts'
import { datasetResource } from './resources.ts'
import { type World } from './world.ts'

const datasetShape = z.object({
  datasetReference: z.object({ datasetId: z.string().regex(/^[A-Za-z0-9_]{1,1024}$/) }).optional(),
  location: z.string().optional(),
  labels: labels.optional(),
  description: z.string().nullable().optional(),
  friendlyName: z.string().nullable().optional(),
  defaultTableExpirationMs: whole.nullable().optional(),
})

/** Makes the endpoints of datasets. */
export function createDatasetEndpoints({ catalog, now, settings }: World) {
  return {
    list: (projectId: string): object => ({
      kind: 'bigquery#datasetList',
      datasets: catalog.datasets(projectId).map((dataset) => datasetResource(dataset)),
    }),
    get: (projectId: string, datasetId: string): object =>
      datasetResource(catalog.dataset(projectId, datasetId)),
    async insert(projectId: string, body: unknown): Promise<object> {
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
    async patch(projectId: string, datasetId: string, body: unknown): Promise<object> {
      const given = read(datasetShape, body)
      const dataset: Dataset = { ...catalog.dataset(projectId, datasetId), modifiedAt: now() }
      if (given.labels) dataset.labels = withoutNulls({ ...dataset.labels, ...given.labels })
      change(dataset, 'description', given.description)
      change(dataset, 'friendlyName', given.friendlyName)
      change(dataset, 'defaultTableExpirationMs', given.defaultTableExpirationMs)
      await catalog.putDataset(dataset)
      return datasetResource(dataset)
    },
    async delete(projectId: string, datasetId: string, query: URLSearchParams): Promise<void> {
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
  }
}
