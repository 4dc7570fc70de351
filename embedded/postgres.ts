// Runs PostgreSQL from npm in the data folder: made once, on the loopback address only, every commit on disk.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { embeddedDatabaseUrl } from '../config/data-folder.ts'
import { type Launcher, retryUntil, untilReady } from './launch.ts'
import { stopNoted } from './leftovers.ts'
import { pathAsSeenBy, postgresAccount, spawnAs } from './postgres-account.ts'
import { initialisePostgres } from './postgres-folder.ts'
import { commandOf, startOf, workingFolderOf } from './process-identity.ts'
import { type Part } from './supervise.ts'

export interface EmbeddedPostgres {
  dataDir: string
  port: number
  password: string
}

const settings = {
  listen_addresses: '127.0.0.1',
  // A socket file needs a folder that both users can write to; nobody needs the socket.
  unix_socket_directories: '',
  shared_buffers: '64MB',
  fsync: 'on',
  synchronous_commit: 'on',
  // User ids must not come into a log by way of a refused statement or the details of a row.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
}

/** Lines that matter to a person; a refused statement is the business of who sent it. */
const worthShowing = /\b(WARNING|FATAL|PANIC):/
/** Clients that come while it starts, or stay while it stops, are told so; that is no news. */
const expected = /the database system is|due to administrator command/

/**
 * Stops a PostgreSQL that runs on the folder though no note of ours tells of it, as after a kill in the very moment
 * between its start and the note. Its own postmaster.pid has the id on the first line.
 */
async function stopUnnoted(databaseDir: string): Promise<void> {
  const file = join(databaseDir, 'postmaster.pid')
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
  if (!Number.isInteger(pid) || pid <= 1) return
  const startedAt = startOf(pid)
  const onFolder =
    workingFolderOf(pid) === databaseDir || commandOf(pid)?.includes(`-D ${databaseDir} `)
  if (startedAt === undefined || !onFolder) return
  await stopNoted({ pid, startedAt, command: '/bin/postgres -D', stopSignal: 'SIGINT' })
}

async function requireDatabase({ port, password }: EmbeddedPostgres): Promise<void> {
  const url = new URL(embeddedDatabaseUrl(port, password))
  url.pathname = '/postgres'
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 1_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rowCount } = await client.query(`select from pg_database where datname = 'lfm'`)
    if (rowCount === 0) await client.query('create database lfm')
  } finally {
    await client.end()
  }
}

/** PostgreSQL as a part; started the first time it makes its folder `<data folder>/postgres` and the database `lfm`. */
export function postgresPart(launcher: Launcher, options: EmbeddedPostgres): Part {
  const { dataDir, port, password } = options
  const name = 'postgres'
  const databaseDir = join(dataDir, 'postgres')
  return {
    name,
    async start(signal) {
      const account = await postgresAccount((line) => launcher.tell(name, line))
      if (existsSync(databaseDir)) await stopUnnoted(databaseDir)
      else await initialisePostgres(launcher, { databaseDir, password, account })
      signal.throwIfAborted()

      const flags = ['-D', pathAsSeenBy(account, databaseDir), '-p', String(port)]
      for (const [key, value] of Object.entries(settings)) flags.push('-c', `${key}=${value}`)
      const running = await launcher.launch({
        name,
        command: account.binDir,
        // PostgreSQL's "fast shutdown": transactions are rolled back, all that was committed is kept.
        stopSignal: 'SIGINT',
        graceMs: 10_000,
        isTold: (line) => worthShowing.test(line) && !expected.test(line),
        spawn: () => spawnAs(account, 'postgres', flags, databaseDir),
      })
      await untilReady(name, running, (over) => retryUntil(() => requireDatabase(options), over), {
        withinMs: 60_000,
        signal,
      })
      return running
    },
  }
}
