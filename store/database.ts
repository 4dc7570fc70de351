// Opens the pool of connections to PostgreSQL that all parts of the store use.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { type Database } from './schema.ts'

export type Db = Kysely<Database>

// A bigint identity column counts events; 2^53 of them is beyond any installation.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/**
 * Opens a pool. A statement that takes longer than a minute is ended by PostgreSQL, so that no caller waits for ever.
 * @param onLost told when an idle connection breaks; the pool makes a new one by itself.
 */
export function openDatabase(
  databaseUrl: string,
  options: { connections?: number; onLost?: (error: Error) => void } = {},
): Db {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: options.connections ?? 16,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 60_000,
    // A host that vanishes without a word would otherwise hold a caller until TCP gives up, a quarter of an hour.
    query_timeout: 65_000,
    keepAlive: true,
    application_name: 'lfm',
  })
  // Without a listener an idle connection that PostgreSQL closes would end the process.
  pool.on('error', (error) => options.onLost?.(error))
  // The same for one that is in use: the statement under way, or the next one, rejects with it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}
