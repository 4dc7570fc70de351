// PostgreSQL is away, silent or full for a while, or dies in the midst of freezing and reconciling.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { query } from '../store/open-store.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'
import { startWatchedWorker, type WatchedWorker } from './watched-worker.ts'

let system: RunningSystem
let worker: WatchedWorker

beforeAll(async () => {
  system = await startSystem({ friends: 20_000, processes: { worker: 0 } })
  worker = await startWatchedWorker(system)
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await worker.close()
})

/** 40 multicast calls in 8 s. */
const delivered = { sql: friends(20_000), text: 'Hello', rate: { multicast: 5 } }
const everybody = { planned: 20_000, accepted: 20_000 }
/** A twentieth of a minute. */
const awayMs = 3_000

async function deliverUntilSending(): Promise<Started> {
  const delivery = await system.deliver(delivered)
  await system.simulator.untilCalls(delivery.unit, 5)
  return delivery
}

/** Exact, and by the worker that was there: it did not die of what happened to PostgreSQL. */
async function expectGoesOn(delivery: Started): Promise<void> {
  const { state } = await system.expectExact(delivery, everybody)
  expect(state).toBe('done')
  expect(system.embedded.processes().map(({ name }) => name)).toContain(worker.name)
}

test('PostgreSQL killed and away for a while', async () => {
  const delivery = await deliverUntilSending()
  await system.embedded.kill('postgres', 'SIGKILL')
  await sleep(awayMs)
  const readiness = async () => {
    const res = await fetch(`${system.embedded.addresses.api}/readyz`)
    return { status: res.status, body: await res.json() }
  }
  await expect
    .poll(readiness, { timeout: 20_000 })
    .toMatchObject({ status: 503, body: { parts: { store: 'away', temporal: 'up' } } })
  await system.embedded.restart('postgres')
  await expectGoesOn(delivery)
})

test('the way to PostgreSQL is silent for a while, and what was under way arrives late', async () => {
  const delivery = await deliverUntilSending()
  worker.postgres.set('stalled')
  await sleep(awayMs)
  const calls = (await system.simulator.calls(delivery.unit)).length
  expect(calls).toBeLessThan(40)
  worker.postgres.set('open')
  await expectGoesOn(delivery)
})

/** What the triggers do from now on; none of them is touched for it, so nothing that is under way can stand against it. */
async function onWrite(statement: string): Promise<void> {
  await query(
    system.embedded.addresses.databaseUrl,
    `create or replace function disk_full() returns trigger language plpgsql as $$ begin ${statement}; end $$`,
  )
}

/** Gives each table a trigger that does nothing yet; in statements of their own, which hold no two tables at once. */
async function watchWrites(): Promise<void> {
  const { databaseUrl } = system.embedded.addresses
  const tables = await query(
    databaseUrl,
    `select table_name as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE'`,
  )
  const names = tables.map(({ name }) => pg.escapeIdentifier(String(name)))
  await onWrite('return null')
  for (const name of names)
    await query(
      databaseUrl,
      `create trigger disk_full before insert or update on ${name}
        for each statement execute function disk_full()`,
    )
}

const isFull = `raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'`

test("PostgreSQL's disk is full for a while", async () => {
  await watchWrites()
  const delivery = await deliverUntilSending()
  // Every write fails from now on; reading goes on.
  await onWrite(isFull)
  await sleep(awayMs)
  const whenFull = (await system.simulator.calls(delivery.unit)).length
  await sleep(awayMs / 2)
  // No permit can be written, so no call is made.
  expect(await system.simulator.calls(delivery.unit)).toHaveLength(whenFull)
  expect(whenFull).toBeLessThan(40)
  await onWrite('return null')
  await expectGoesOn(delivery)
})

test.each([
  { when: 'as a plan is committed', statements: [/insert into "plan"/] },
  { when: 'in reconcile', statements: [/reconciling/, /from "plan"/] },
])('PostgreSQL killed $when', async ({ statements }) => {
  let killed: Promise<void> | undefined
  const isKilled = worker.at(statements, () => {
    killed = system.embedded.kill('postgres', 'SIGKILL')
  })
  const delivery = await system.deliver({ ...delivered, rate: { multicast: 100 } })
  await isKilled
  await killed
  await system.embedded.restart('postgres')
  await expectGoesOn(delivery)
  const plans = await query(
    system.embedded.addresses.databaseUrl,
    'select 1 from plan where delivery_id = $1',
    [delivery.id],
  )
  expect(plans).toHaveLength(1)
})
