// Which warehouse the environment names, with all that it needs, or what is missing of it.
import { type z } from 'zod'
import { type variables } from './variables.ts'

/** Where segments are cut and outcomes kept. */
export type WarehouseConfig =
  | {
      readonly kind: 'duckdb'
      /** In DuckDB's form: `128MB`. */
      readonly memory: string
    }
  | {
      readonly kind: 'bigquery'
      readonly project: string
      readonly location: string
      readonly dataset: string
      readonly maximumBytesBilled: number
      readonly readBy: 'list' | 'query'
      /** Without a slash at its end; undefined is Google's own. */
      readonly apiEndpoint: string | undefined
    }

/** Reads it; each problem is a line for `ConfigRefused`. */
export function readWarehouseConfig(v: z.infer<typeof variables>): {
  warehouse: WarehouseConfig | undefined
  problems: string[]
} {
  if (v.LFM_WAREHOUSE === 'duckdb')
    return { warehouse: { kind: 'duckdb', memory: v.LFM_WAREHOUSE_MEMORY }, problems: [] }
  const project = v.LFM_BIGQUERY_PROJECT
  const location = v.LFM_BIGQUERY_LOCATION
  const dataset = v.LFM_BIGQUERY_DATASET
  const needed = {
    LFM_BIGQUERY_PROJECT: project,
    LFM_BIGQUERY_LOCATION: location,
    LFM_BIGQUERY_DATASET: dataset,
  }
  const problems = Object.entries(needed).flatMap(([name, value]) =>
    value === undefined
      ? [`${name}: is not set; LFM_WAREHOUSE=bigquery needs it, see docs/bigquery.md.`]
      : [],
  )
  if (project === undefined || location === undefined || dataset === undefined)
    return { warehouse: undefined, problems }
  return {
    warehouse: {
      kind: 'bigquery',
      project,
      location,
      dataset,
      maximumBytesBilled: v.LFM_BIGQUERY_MAXIMUM_BYTES_BILLED,
      readBy: v.LFM_BIGQUERY_READ_BY,
      apiEndpoint: v.LFM_BIGQUERY_API_ENDPOINT,
    },
    problems,
  }
}
