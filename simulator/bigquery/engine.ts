// The DuckDB behind the simulator: in memory or in a file, with the macros that GoogleSQL's functions become.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  BIGINT,
  DuckDBInstance,
  DuckDBScalarFunction,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBValue,
} from '@duckdb/node-api'
import { farmFingerprint } from './farm-fingerprint.ts'
import { MACROS } from './macros.ts'

/** An open DuckDB. */
export interface Engine {
  /** A connection of one's own; whoever asks closes it. */
  connect(): Promise<DuckDBConnection>
  /** Runs work on a connection that is closed after it. */
  with<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T>
  close(): void
}

/** Opens the engine on `<folder>/bigquery.duckdb`, or in memory without a folder. */
export async function openEngine(folder: string | undefined, threads: number): Promise<Engine> {
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  const path = folder === undefined ? ':memory:' : join(folder, 'bigquery.duckdb')
  const instance = await DuckDBInstance.create(path, {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: String(threads),
    // BigQuery has NULL as the smallest value.
    default_null_order: 'nulls_first_on_asc_last_on_desc',
  })
  const first = await instance.connect()
  await first.run(`SET GLOBAL TimeZone = 'UTC'`)
  first.registerScalarFunction(fingerprint())
  for (const macro of MACROS) await first.run(macro)
  first.closeSync()

  async function connect() {
    const connection = await instance.connect()
    // Errors then tell the place in the statement as a number.
    await connection.run('SET errors_as_json = true')
    return connection
  }

  return {
    connect,
    async with(work) {
      const connection = await connect()
      try {
        return await work(connection)
      } finally {
        connection.closeSync()
      }
    },
    close: () => instance.closeSync(),
  }
}

/** The one function that neither DuckDB has nor a macro can be. */
function fingerprint(): DuckDBScalarFunction {
  const encoder = new TextEncoder()
  return DuckDBScalarFunction.create({
    name: 'bq_farm_fingerprint',
    returnType: BIGINT,
    parameterTypes: [VARCHAR],
    mainFunction(_, input, output) {
      const texts = input.getColumnVector(0)
      for (let row = 0; row < input.rowCount; row++) {
        const given = texts.getItem(row)
        output.setItem(
          row,
          typeof given === 'string' ? farmFingerprint(encoder.encode(given)) : null,
        )
      }
      output.flush()
    },
  })
}

/** Runs a statement and gives its rows; for results of a size that is known to be small. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<DuckDBValue[][]> {
  return (await connection.run(sql)).getRows()
}

/** Runs work between BEGIN and COMMIT; what it throws undoes all of it. */
export async function inTransaction<T>(
  connection: DuckDBConnection,
  work: () => Promise<T>,
): Promise<T> {
  await connection.run('BEGIN TRANSACTION')
  try {
    const result = await work()
    await connection.run('COMMIT')
    return result
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}
