// The pool of connections, when PostgreSQL ends one of them.
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openTcpProxy } from '../../bench/tcp-proxy.ts'
import { toProblem } from '../../api/refusals.ts'
import { type Db, openDatabase } from '../../store/database.ts'
import { startPostgres, type TestPostgres } from '../api/postgres.ts'
import { query } from './open-store.ts'

let postgres: TestPostgres
let db: Db
const lost: string[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  db = openDatabase(postgres.databaseUrl, {
    connections: 1,
    onLost: (error) => lost.push(error.message),
  })
})
afterAll(async () => {
  await db.destroy()
  await postgres[Symbol.asyncDispose]()
})

const backend = sql<{ pid: number }>`select pg_backend_pid() as pid`

/** Resolves when the backend is gone. */
async function end(pid: number | undefined): Promise<void> {
  await query(postgres.databaseUrl, 'select pg_terminate_backend($1, 20000)', [pid])
}

// An error that nobody listens to would end the process, and vitest would call it unhandled.
test('a connection that is lost in a transaction fails the transaction and not the process', async () => {
  const transaction = db.transaction().execute(async (tx) => {
    const { rows } = await backend.execute(tx)
    await end(rows[0]?.pid)
    // Our end of the connection hears of it a moment later.
    await vi.waitUntil(() => backend.execute(tx).then(() => false), { timeout: 20_000 })
  })
  await expect(transaction).rejects.toThrow(/connection|terminat/i)
  expect((await backend.execute(db)).rows).toHaveLength(1)
})

test('a connection that is lost while idle is told of, and replaced', async () => {
  const { rows } = await backend.execute(db)
  await end(rows[0]?.pid)
  await vi.waitUntil(() => lost.length > 0, { timeout: 20_000 })
  expect((await backend.execute(db)).rows).not.toEqual(rows)
})

// A quarter of an hour, if TCP were left to find out.
test('a connection on which nothing is heard any more is given up, and the next statement has another', async () => {
  const url = new URL(postgres.databaseUrl)
  await using proxy = await openTcpProxy({ targetPort: Number(url.port) })
  url.port = String(proxy.port)
  const far = openDatabase(url.href, { connections: 1 })
  onTestFinished(() => far.destroy())
  const { rows } = await backend.execute(far)
  proxy.set('stalled')
  const silence: unknown = await backend.execute(far).catch((error: unknown) => error)
  expect(silence).toMatchObject({ message: 'PostgreSQL has said nothing for 12 s.' })
  // The caller of the API is told so, and not of a defect.
  expect(toProblem(silence).kind).toBe('store-away')
  proxy.set('open')
  expect((await backend.execute(far)).rows).not.toEqual(rows)
})
