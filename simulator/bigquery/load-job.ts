// Runs load jobs: newline-delimited JSON or Parquet from a file that was uploaded, gzipped or not.
import { open, rm, stat } from 'node:fs/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { type DuckDBConnection } from '@duckdb/node-api'
import { type LoadConfiguration } from './configurations.ts'
import { rowsOf } from './engine.ts'
import { translated } from './engine-errors.ts'
import { BigQueryError, stopped } from './errors.ts'
import { type LiveJob } from './jobs.ts'
import { type QueryDeps } from './query-job.ts'
import { duckType, fieldOf, quoted, text, type Field } from './schema.ts'
import { writeTable } from './write-table.ts'

/** Runs the load of a job and removes the file. @throws BigQueryError with which the job fails */
export async function runLoad(
  deps: QueryDeps,
  live: LiveJob,
  configuration: LoadConfiguration,
  file: string,
): Promise<void> {
  const { job } = live
  try {
    deps.quotas.modify(configuration.destination, true)
    const { size } = await stat(file)
    const plain = await unzipped(file)
    await deps.engine.with(async (connection) => {
      live.interrupt = () => connection.interrupt()
      const { destination: target, range, time, clustering } = configuration
      const existing = deps.catalog.find(target)
      try {
        const { sql, fields } = await sourceOf(connection, configuration, existing?.schema, plain)
        const { table, written } = await writeTable(deps, connection, {
          target,
          source: sql,
          fields,
          disposition: configuration.writeDisposition,
          createsTable: configuration.createDisposition !== 'CREATE_NEVER',
          facts: {
            ...(range ? { range } : {}),
            ...(time ? { time } : {}),
            ...(clustering ? { clustering } : {}),
          },
          isQuery: false,
        })
        deps.catalog.setTable(table)
        job.rows = written
        job.destination = target
        job.statistics = {
          load: {
            inputFiles: '1',
            inputFileBytes: String(size),
            outputRows: String(written),
            outputBytes: String(size),
            badRecords: '0',
          },
        }
      } catch (error) {
        if (live.isCancelled) throw stopped()
        const found = translated(error, { written: '', sql: '', marks: [] })
        throw found instanceof BigQueryError && found.reason === 'invalidQuery'
          ? unreadable(found.message)
          : found
      } finally {
        live.interrupt = undefined
      }
    })
  } finally {
    await rm(file, { force: true })
    await rm(`${file}.plain`, { force: true })
  }
}

/** A file that begins with gzip's two bytes is unpacked beside itself. */
async function unzipped(file: string): Promise<string> {
  const handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0).finally(() => handle.close())
  if (buffer[0] !== 0x1f || buffer[1] !== 0x8b) return file
  try {
    await pipeline(createReadStream(file), createGunzip(), createWriteStream(`${file}.plain`))
  } catch {
    throw unreadable('the gzip file is cut or damaged')
  }
  return `${file}.plain`
}

function unreadable(why: string): BigQueryError {
  return new BigQueryError('invalid', `Error while reading data, error message: ${why}`)
}

async function sourceOf(
  connection: DuckDBConnection,
  configuration: LoadConfiguration,
  existing: Field[] | undefined,
  file: string,
) {
  const schema = configuration.schema ?? existing
  return configuration.format === 'PARQUET'
    ? parquet(connection, schema, file)
    : json(connection, configuration, schema, file)
}

async function parquet(connection: DuckDBConnection, schema: Field[] | undefined, file: string) {
  const relation = `read_parquet(${text(file)})`
  const prepared = await connection.prepare(`SELECT * FROM ${relation}`)
  const found = Array.from({ length: prepared.columnCount }, (_, index) => {
    const field = fieldOf(prepared.columnName(index), prepared.columnType(index))
    // BigQuery reads both kinds of Parquet's timestamps as TIMESTAMP.
    return field.type === 'DATETIME' ? { ...field, type: 'TIMESTAMP' as const } : field
  })
  prepared.destroySync()
  const fields = schema ? inOrder(found, schema) : found
  const columns = fields.map(
    (field) => `CAST(${quoted(field.name)} AS ${duckType(field)}) AS ${quoted(field.name)}`,
  )
  return { fields, sql: `SELECT ${columns.join(', ')} FROM ${relation}` }
}

/** The schema's fields; those that a file lacks are left to the table, those that it has in another type are refused. */
function inOrder(found: Field[], schema: Field[]): Field[] {
  for (const field of found) {
    const wanted = schema.find(({ name }) => name.toLowerCase() === field.name.toLowerCase())
    if (!wanted)
      throw new BigQueryError(
        'invalid',
        `Provided Schema does not match Table. Cannot add fields (field: ${field.name})`,
      )
    if (duckType(wanted) !== duckType(field))
      throw unreadable(
        `Parquet column '${field.name}' has type ${field.type} which does not match the target type ${wanted.type}`,
      )
  }
  return schema.filter(({ name }) =>
    found.some((field) => field.name.toLowerCase() === name.toLowerCase()),
  )
}

async function json(
  connection: DuckDBConnection,
  configuration: LoadConfiguration,
  schema: Field[] | undefined,
  file: string,
) {
  if (!schema || schema.length === 0)
    throw new BigQueryError(
      'invalid',
      configuration.autodetect
        ? 'The simulator detects no schema of JSON; give one.'
        : 'No schema specified on job or table.',
    )
  const relation = `read_ndjson_objects(${text(file)}, maximum_object_size = 104857600)`
  if (!configuration.ignoreUnknownValues) {
    const known = schema.map(({ name }) => text(name.toLowerCase())).join(', ')
    const [unknown] = await rowsOf(
      connection,
      `SELECT key FROM (SELECT DISTINCT unnest(json_keys(json)) AS key FROM ${relation}) WHERE lower(key) NOT IN (${known}) LIMIT 1`,
    )
    if (unknown)
      throw unreadable(
        `JSON parsing error in row starting at position 0: No such field: ${String(unknown[0])}.`,
      )
  }
  const columns = schema.map((field) => `${jsonValue(field)} AS ${quoted(field.name)}`)
  return { fields: schema, sql: `SELECT ${columns.join(', ')} FROM ${relation}` }
}

function jsonValue(field: Field): string {
  const path = text(`$."${field.name}"`)
  const value = `json_extract_string(json, ${path})`
  if (field.mode === 'REPEATED' || field.type === 'RECORD')
    return `coalesce(CAST(json_extract(json, ${path}) AS ${duckType(field)}), ${field.mode === 'REPEATED' ? '[]' : 'NULL'})`
  switch (field.type) {
    case 'JSON':
      return `json_extract(json, ${path})`
    case 'BYTES':
      return `from_base64(${value})`
    case 'INTEGER':
      return `CASE WHEN ${value} IS NOT NULL THEN bq_to_int(${value}) END`
    case 'TIMESTAMP':
      // A number is seconds since 1970.
      return `CASE WHEN json_type(json, ${path}) IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN make_timestamptz(CAST(CAST(${value} AS DECIMAL(38, 6)) * 1000000 AS BIGINT)) ELSE CAST(regexp_replace(${value}, ' UTC$', '+00') AS TIMESTAMP WITH TIME ZONE) END`
    default:
      return `CAST(${value} AS ${duckType(field)})`
  }
}
