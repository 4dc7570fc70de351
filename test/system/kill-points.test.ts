// The only worker is killed with -9 at each point of a delivery's life, and started again.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { query } from '../store/open-store.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'
import { startWatchedWorker, type WatchedWorker } from './watched-worker.ts'

let system: RunningSystem
let worker: WatchedWorker

beforeAll(async () => {
  system = await startSystem({
    friends: 2_500,
    processes: { worker: 0 },
    env: {
      // Outcomes are merged at the end of a batch alone: the first merge is that one.
      LFM_OUTCOME_MERGE_MS: '60000',
      // A call given up for a slow machine's sake would be called again, and counted.
      LFM_LINE_DEADLINE_MS: '5000',
    },
  })
  worker = await startWatchedWorker(system)
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await worker.close()
})

/** Five multicast calls, one batch. */
const fewCalls = { sql: friends(2_500), text: 'Hello' }
const everybody = { planned: 2_500, accepted: 2_500 }

async function statuses({ unit }: Started): Promise<(number | null)[]> {
  return (await system.simulator.calls(unit)).map(({ status }) => status)
}

async function acceptedInLedger(): Promise<number> {
  const [row] = await query(
    system.embedded.addresses.databaseUrl,
    `select accepted from batch where delivery_id = (select max(id::text)::uuid from delivery)`,
  )
  return Number(row?.accepted)
}

/** Delivers to everybody; the worker dies at the statement, and one is there again at once. */
async function deliverThroughKill(statements: RegExp[], last: 'arrives' | 'is lost') {
  const killed = worker.killAt(statements, last)
  const delivery = await system.deliver(fewCalls)
  await killed
  const atKill = await statuses(delivery)
  return { delivery, atKill }
}

/** Five calls and no more: nobody was asked again who was on record. */
async function expectFiveCalls(delivery: Started): Promise<void> {
  await worker.revive()
  expect(await system.expectExact(delivery, everybody)).toMatchObject({ state: 'done' })
  expect(await statuses(delivery)).toEqual([200, 200, 200, 200, 200])
}

const recordsOfPage = /"attempts", "records" from "batch"/
const planIsRead = /from "plan"/
const reconciling = /reconciling/

test('killed after its attempt row and before its first call', async () => {
  const { delivery, atKill } = await deliverThroughKill([/take_permit/], 'is lost')
  expect(atKill).toEqual([])
  const [attempt] = await query(
    system.embedded.addresses.databaseUrl,
    'select count(*)::integer as n from batch_attempt where delivery_id = $1',
    [delivery.id],
  )
  expect(attempt).toEqual({ n: 1 })
  await expectFiveCalls(delivery)
})

test("killed between LINE's yes and the record", async () => {
  const { delivery, atKill } = await deliverThroughKill([/merge_records/], 'is lost')
  expect(atKill).toEqual([200, 200, 200, 200, 200])
  expect(await acceptedInLedger()).toBe(0)
  await worker.revive()
  await system.expectExact(delivery, everybody)
  // Every one was asked again with its key, and none was sent again.
  expect((await statuses(delivery)).slice(5)).toEqual([409, 409, 409, 409, 409])
})

test('killed after the record and before Temporal heard', async () => {
  const { delivery } = await deliverThroughKill([/merge_records/], 'arrives')
  await vi.waitUntil(async () => (await acceptedInLedger()) === 2_500, { timeout: 60_000 })
  await expectFiveCalls(delivery)
})

test("killed in a page's end, before its part", async () => {
  const { delivery } = await deliverThroughKill([recordsOfPage], 'is lost')
  await expectFiveCalls(delivery)
})

test('killed in reconcile', async () => {
  const { delivery } = await deliverThroughKill([reconciling, planIsRead], 'is lost')
  await expectFiveCalls(delivery)
})

test('killed when the log is there and before Temporal heard', async () => {
  const isMakingLog = worker.at([reconciling, planIsRead, planIsRead], () => {
    worker.temporal.set('stalled')
  })
  const delivery = await system.deliver(fewCalls)
  await isMakingLog
  const log = join(system.embedded.dataDir, 'warehouse', 'delivery_log', `${delivery.id}.parquet`)
  await vi.waitUntil(() => existsSync(log), { timeout: 60_000 })
  await worker.kill()
  await expectFiveCalls(delivery)
})

test('killed when its end is on record and before Temporal heard', async () => {
  const { delivery } = await deliverThroughKill([reconciling, /"ended_at" = clock/], 'arrives')
  await expectFiveCalls(delivery)
  const { items } = await system.client.call('listDeliveries', {
    query: { campaignId: delivery.campaignId },
  })
  expect(items.map(({ state }) => state)).toEqual(['done'])
})
