// Opens the pool of connections to PostgreSQL that all parts of the store use.
import { Socket } from 'node:net'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { type Database } from './schema.ts'

export type Db = Kysely<Database>

// A bigint identity column counts events; 2^53 of them is beyond any installation.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/** The longest that a statement may take: PostgreSQL ends it then. */
const statementMs = 10_000
/** Connections that nobody needs for so long are closed. */
const idleMs = 10_000
/** Longer than both, so that such a silence can only mean that a statement's answer will not come. */
const silenceMs = 12_000

/**
 * A socket that is closed when the other side says nothing for `silenceMs`: a host that vanishes without a word would
 * hold a lane until TCP gives up, a quarter of an hour. The driver's own time-out of a statement would not do, for it
 * leaves the connection in the pool, where every later statement waits behind the one that was given up.
 */
function openSocket(): Socket {
  const socket = new Socket()
  socket.setTimeout(silenceMs, () =>
    // With the code of a network that gave up, by which callers know that the store is away.
    socket.destroy(
      Object.assign(new Error(`PostgreSQL has said nothing for ${silenceMs / 1_000} s.`), {
        code: 'ETIMEDOUT',
      }),
    ),
  )
  return socket
}

/**
 * Opens a pool. No caller waits for ever: a statement is ended by PostgreSQL after 10 s, and a connection on which
 * nothing is heard is given up after 12 s.
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
    idleTimeoutMillis: idleMs,
    statement_timeout: statementMs,
    stream: openSocket,
    keepAlive: true,
    application_name: 'lfm',
  })
  // Without a listener an idle connection that PostgreSQL closes would end the process.
  pool.on('error', (error) => options.onLost?.(error))
  // The same for one that is in use: the statement under way, or the next one, rejects with it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}
