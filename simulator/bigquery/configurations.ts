// Reads the configuration of a job from a request.
import { z } from 'zod'
import { type RangePartitioning, type TableName, type TimePartitioning } from './catalog.ts'
import { BigQueryError } from './errors.ts'
import { readFields, type Field } from './schema.ts'

const whole = z.union([z.string().regex(/^-?\d+$/), z.number()]).transform(Number)
const tableReference = z.object({
  projectId: z.string(),
  datasetId: z.string(),
  tableId: z.string(),
})

/** `rangePartitioning`, `timePartitioning` and `clustering`, as tables and jobs have them. */
export const layoutShape = z.object({
  rangePartitioning: z
    .object({ field: z.string(), range: z.object({ start: whole, end: whole, interval: whole }) })
    .optional(),
  timePartitioning: z
    .object({
      type: z.enum(['DAY', 'HOUR', 'MONTH', 'YEAR']).default('DAY'),
      field: z.string().optional(),
      expirationMs: whole.optional(),
    })
    .optional(),
  clustering: z.object({ fields: z.array(z.string()).min(1).max(4) }).optional(),
})

const jobShape = z.object({
  jobReference: z
    .object({
      projectId: z.string().optional(),
      jobId: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,1024}$/)
        .optional(),
      location: z.string().optional(),
    })
    .optional(),
  configuration: z.looseObject({
    dryRun: z.boolean().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    query: z.looseObject({}).optional(),
    load: z.looseObject({}).optional(),
  }),
})

const dispositions = {
  writeDisposition: z.enum(['WRITE_EMPTY', 'WRITE_APPEND', 'WRITE_TRUNCATE']).optional(),
  createDisposition: z.enum(['CREATE_IF_NEEDED', 'CREATE_NEVER']).optional(),
}

const queryShape = layoutShape.extend({
  ...dispositions,
  query: z.string(),
  useLegacySql: z.boolean().optional(),
  destinationTable: tableReference.optional(),
  defaultDataset: z.object({ projectId: z.string().optional(), datasetId: z.string() }).optional(),
  maximumBytesBilled: whole.optional(),
  parameterMode: z.string().optional(),
  queryParameters: z.unknown().optional(),
})

const loadShape = layoutShape.extend({
  ...dispositions,
  destinationTable: tableReference,
  sourceFormat: z.string().optional(),
  schema: z.object({ fields: z.unknown() }).optional(),
  autodetect: z.boolean().optional(),
  ignoreUnknownValues: z.boolean().optional(),
  maxBadRecords: z.number().optional(),
  sourceUris: z.array(z.string()).optional(),
})

/** A layout in the simulator's own words. */
export interface LayoutFacts {
  range?: RangePartitioning
  time?: TimePartitioning
  clustering?: string[]
}

/** The configuration of a query job. */
export interface QueryConfiguration extends LayoutFacts {
  sql: string
  destination: TableName | undefined
  writeDisposition: 'WRITE_EMPTY' | 'WRITE_APPEND' | 'WRITE_TRUNCATE'
  createDisposition: 'CREATE_IF_NEEDED' | 'CREATE_NEVER'
  defaultDataset: { projectId: string | undefined; datasetId: string } | undefined
  maximumBytesBilled: number | undefined
  queryParameters: unknown
}

/** The configuration of a load job. */
export interface LoadConfiguration extends LayoutFacts {
  destination: TableName
  format: 'NEWLINE_DELIMITED_JSON' | 'PARQUET'
  schema: Field[] | undefined
  autodetect: boolean
  ignoreUnknownValues: boolean
  writeDisposition: 'WRITE_EMPTY' | 'WRITE_APPEND' | 'WRITE_TRUNCATE'
  createDisposition: 'CREATE_IF_NEEDED' | 'CREATE_NEVER'
}

/** Reads a value by a shape. @throws BigQueryError invalid */
export function read<T>(shape: z.ZodType<T>, value: unknown): T {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new BigQueryError(
    'invalid',
    `Invalid value at '${(issue?.path ?? []).map(String).join('.')}': ${issue?.message ?? 'it is wrong'}`,
  )
}

/** Reads a Job resource as jobs.insert gets it. @throws BigQueryError invalid */
export const readJob = (body: unknown) => read(jobShape, body)

/** Reads `configuration.query`. @throws BigQueryError invalid */
export function readQueryConfiguration(value: unknown): QueryConfiguration {
  const given = read(queryShape, value)
  if (given.useLegacySql !== false)
    throw new BigQueryError(
      'invalid',
      'The simulator knows GoogleSQL only; set useLegacySql to false.',
    )
  return {
    ...readLayout(given),
    sql: given.query,
    destination: given.destinationTable,
    writeDisposition: given.writeDisposition ?? 'WRITE_EMPTY',
    createDisposition: given.createDisposition ?? 'CREATE_IF_NEEDED',
    defaultDataset: given.defaultDataset && {
      projectId: given.defaultDataset.projectId,
      datasetId: given.defaultDataset.datasetId,
    },
    maximumBytesBilled: given.maximumBytesBilled,
    queryParameters: given.queryParameters,
  }
}

/** Reads `configuration.load`. @throws BigQueryError invalid */
export function readLoadConfiguration(value: unknown): LoadConfiguration {
  const given = read(loadShape, value)
  if (given.sourceUris)
    throw new BigQueryError('invalid', 'The simulator loads uploads only, not sourceUris.')
  const format = given.sourceFormat ?? 'CSV'
  if (format !== 'NEWLINE_DELIMITED_JSON' && format !== 'PARQUET')
    throw new BigQueryError(
      'invalid',
      `The simulator loads NEWLINE_DELIMITED_JSON and PARQUET, not ${format}.`,
    )
  if ((given.maxBadRecords ?? 0) > 0)
    throw new BigQueryError('invalid', 'The simulator knows no maxBadRecords but 0.')
  return {
    ...readLayout(given),
    destination: given.destinationTable,
    format,
    schema: given.schema ? readFields(given.schema.fields) : undefined,
    autodetect: given.autodetect ?? false,
    ignoreUnknownValues: given.ignoreUnknownValues ?? false,
    writeDisposition: given.writeDisposition ?? 'WRITE_APPEND',
    createDisposition: given.createDisposition ?? 'CREATE_IF_NEEDED',
  }
}

/** The layout in a table or job. */
export function readLayout(given: z.infer<typeof layoutShape>): LayoutFacts {
  const { rangePartitioning, timePartitioning, clustering } = given
  return {
    ...(rangePartitioning
      ? { range: { field: rangePartitioning.field, ...rangePartitioning.range } }
      : {}),
    ...(timePartitioning
      ? {
          time: {
            type: timePartitioning.type,
            ...(timePartitioning.field === undefined ? {} : { field: timePartitioning.field }),
            ...(timePartitioning.expirationMs === undefined
              ? {}
              : { expirationMs: timePartitioning.expirationMs }),
          },
        }
      : {}),
    ...(clustering ? { clustering: clustering.fields } : {}),
  }
}
