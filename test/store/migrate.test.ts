// Bringing a database to the current schema, and refusing any other.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate, requireCurrentSchema, SchemaMismatch } from '../../store/migrate.ts'
import { startPostgres, type TestPostgres } from '../api/postgres.ts'
import { query } from './open-store.ts'

let postgres: TestPostgres
const folder = join(import.meta.dirname, '..', '..', 'store', 'migrations')
const all = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()

beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres[Symbol.asyncDispose]())

let databases = 0

async function emptyDatabase(): Promise<string> {
  databases += 1
  await query(postgres.databaseUrl, `create database migrate_${databases}`)
  const url = new URL(postgres.databaseUrl)
  url.pathname = `/migrate_${databases}`
  return url.href
}

test('an empty database gets every migration in order, and then nothing more', async () => {
  const databaseUrl = await emptyDatabase()
  expect(await migrate(databaseUrl)).toEqual(all)
  expect(await migrate(databaseUrl)).toEqual([])
  await requireCurrentSchema(databaseUrl)
})

test('starters that migrate at once wait for one another, and each migration is applied once', async () => {
  const databaseUrl = await emptyDatabase()
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(databaseUrl)))
  expect(applied.flat()).toEqual(all)
  await requireCurrentSchema(databaseUrl)
})

test('a database without a migration is refused by the sentence that says what to run', async () => {
  const databaseUrl = await emptyDatabase()
  const sentence = new SchemaMismatch(
    `The database lacks ${all.join(', ')}: run "npm run migrate" first.`,
  )
  await expect(requireCurrentSchema(databaseUrl)).rejects.toThrow(sentence)
})

test('a database that is newer is refused, by migrate as well', async () => {
  const databaseUrl = await emptyDatabase()
  await migrate(databaseUrl)
  await query(
    databaseUrl,
    `insert into schema_migration (version, name, sha256) values (9999, '9999_later.sql', 'x')`,
  )
  const sentence = new SchemaMismatch(
    'The database has migration 9999_later.sql, which this version of LFM does not know: it is newer. Deploy the LFM version that made it, or a later one.',
  )
  await expect(requireCurrentSchema(databaseUrl)).rejects.toThrow(sentence)
  await expect(migrate(databaseUrl)).rejects.toThrow(sentence)
})

test('a migration that was edited after it was applied is refused', async () => {
  const databaseUrl = await emptyDatabase()
  await migrate(databaseUrl)
  await query(databaseUrl, `update schema_migration set sha256 = 'x' where version = 2`)
  const sentence = new SchemaMismatch(
    `Migration ${all[1]} was edited after it was applied. Restore the file as it was, and put the change into a new migration.`,
  )
  await expect(requireCurrentSchema(databaseUrl)).rejects.toThrow(sentence)
  await expect(migrate(databaseUrl)).rejects.toThrow(sentence)
})

test('a migration that fails leaves nothing of itself, and is applied when its obstacle is gone', async () => {
  const databaseUrl = await emptyDatabase()
  await query(databaseUrl, 'create table campaign (id integer)')
  await expect(migrate(databaseUrl)).rejects.toThrow(
    `Migration ${all[0]} failed and was rolled back.`,
  )
  const found = await query(databaseUrl, `select to_regclass('channel') as channel`)
  expect(found).toEqual([{ channel: null }])
  await query(databaseUrl, 'drop table campaign')
  expect(await migrate(databaseUrl)).toEqual(all)
})

test('a list that was uploaded before lists could be deleted is its segment’s', async () => {
  const databaseUrl = await emptyDatabase()
  await migrate(databaseUrl)
  // As it was before.
  await query(databaseUrl, `alter table segment drop column list_id, drop column deleted_at`)
  await query(databaseUrl, `delete from schema_migration where name = '0013_segment_deleted.sql'`)
  const list = '0a1b2c3d_0000_4000_8000_00000000000f'
  const other = list.replace('0a', '0b')
  for (const [no, sql] of [
    [1, `SELECT "user_id", "name" FROM list_${list}`],
    [2, `SELECT "user_id", "name" FROM list_${list}`],
    [3, `SELECT user_id FROM list_${other} WHERE user_id <> ''`],
    [4, `SELECT \`user_id\` FROM list_${other}`],
    [5, `SELECT user_id FROM list_of_friends`],
  ] as const)
    await query(
      databaseUrl,
      `insert into segment (id, name, dialect, sql) values ($1, 'x', 'duckdb', $2)`,
      [`00000000-0000-7000-8000-00000000000${no}`, sql],
    )
  expect(await migrate(databaseUrl)).toEqual(['0013_segment_deleted.sql'])
  const found = await query(databaseUrl, `select list_id from segment order by id`)
  expect(found.map((row) => row['list_id'])).toEqual([list, null, null, other, null])
})
