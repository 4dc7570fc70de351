// Brings a database to this version's schema, and refuses to work with any other.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

/** The database's schema is not the one that this program knows; the message says what to run. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch'
}

interface Migration {
  version: number
  name: string
  sha256: string
  sql: string
}

interface Applied {
  version: number
  name: string
  sha256: string
}

const folder = fileURLToPath(new URL('./migrations/', import.meta.url))
// Any number will do as long as no other program on the database locks by it.
const advisoryLock = 7_215_003

async function knownMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`${folder}${name}`, 'utf8')
      const sha256 = createHash('sha256').update(sql).digest('hex')
      return { version: Number(name.slice(0, 4)), name, sha256, sql }
    }),
  )
}

async function appliedMigrations(client: pg.ClientBase): Promise<Applied[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    `select to_regclass('schema_migration') is not null as there`,
  )
  if (!found[0]?.there) return []
  const { rows } = await client.query<Applied>(
    'select version, name, sha256 from schema_migration order by version',
  )
  return rows
}

function refuseStrangeHistory(known: Migration[], applied: Applied[]): void {
  for (const { version, name, sha256 } of applied) {
    const ours = known.find((migration) => migration.version === version)
    if (!ours) {
      throw new SchemaMismatch(
        `The database has migration ${name}, which this version of LFM does not know: it is newer. Deploy the LFM version that made it, or a later one.`,
      )
    }
    if (ours.sha256 !== sha256) {
      throw new SchemaMismatch(
        `Migration ${name} was edited after it was applied. Restore the file as it was, and put the change into a new migration.`,
      )
    }
  }
}

async function withClient<T>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  // A connection lost while idle is also reported to the query that runs next.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * Applies what is missing, each migration in its own transaction, under an advisory lock so that
 * several starters wait for one another.
 * @returns names of the migrations applied now.
 * @throws SchemaMismatch where the database is newer, or an applied migration was edited.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const known = await knownMigrations()
  return withClient(databaseUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [advisoryLock])
    await client.query(
      `create table if not exists schema_migration (
        version integer primary key, name text not null, sha256 text not null,
        applied_at timestamptz not null default clock_timestamp())`,
    )
    const applied = await appliedMigrations(client)
    refuseStrangeHistory(known, applied)
    const missing = known.filter(({ version }) => !applied.some((a) => a.version === version))
    for (const { version, name, sha256, sql } of missing) {
      await client.query('begin')
      try {
        await client.query(sql)
        await client.query(
          'insert into schema_migration (version, name, sha256) values ($1, $2, $3)',
          [version, name, sha256],
        )
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw new Error(`Migration ${name} failed and was rolled back.`, { cause: error })
      }
    }
    return missing.map(({ name }) => name)
  })
}

/**
 * Checks that the database has exactly this version's schema.
 * @throws SchemaMismatch with one sentence that says what to run.
 */
export async function requireCurrentSchema(databaseUrl: string): Promise<void> {
  const known = await knownMigrations()
  const applied = await withClient(databaseUrl, appliedMigrations)
  refuseStrangeHistory(known, applied)
  const missing = known.filter(({ version }) => !applied.some((a) => a.version === version))
  if (missing.length > 0) {
    throw new SchemaMismatch(
      `The database lacks ${missing.map(({ name }) => name).join(', ')}: run "npm run migrate" first.`,
    )
  }
}
