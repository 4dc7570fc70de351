// Deliveries on a simulated BigQuery, whole and killed, stormed and stalled: nobody is lost, nobody reached twice.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { query } from '../store/open-store.ts'
import { type BigQueryControl, createBigQueryControl } from './bigquery-control.ts'
import { expectDiscreet } from './discretion.ts'
import { type RunningSystem, type Started, startSystem } from './running-system.ts'
import { startWatchedWorker } from './watched-worker.ts'

let system: RunningSystem
let bigQuery: BigQueryControl

beforeAll(async () => {
  system = await startSystem({ friends: 30_000, withBigQuery: true })
  bigQuery = createBigQueryControl(system.embedded.env)
})
afterAll(() => system[Symbol.asyncDispose]())
afterEach(() => bigQuery.clearFaults())

const number = 'SAFE_CAST(SUBSTR(name, 8) AS INT64)'
/** 1,000 pushes in two batches, and 12,000 by multicast in two. */
const bothLanes = `
  SELECT user_id, IF(${number} < 1000, name, 'friend') AS title FROM friends WHERE ${number} < 13000`
const onBothLanes = { planned: 13_000, accepted: 13_000 }
/** Two batches of 20 calls. */
const many = `SELECT user_id FROM friends WHERE ${number} < 20000`
/** About half of all, drawn anew by each run. */
const anyHalf = `SELECT user_id FROM friends WHERE name LIKE 'Friend%' AND RAND() < 0.5`

/** Ids of jobs of deliveries, which are UUIDs of this millennium, begin so. */
const deliveries = 'lfm_lfm_0'

const killWorker = () => system.embedded.kill('worker', 'SIGKILL')
const restartWorker = () => system.embedded.restart('worker')

function signalWorker(signal: NodeJS.Signals, worker = 'worker'): void {
  const found = system.embedded.processes().find(({ name }) => name === worker)
  if (found) process.kill(found.pid, signal)
}

async function expectNoPlan({ id }: Started): Promise<void> {
  const { plan } = await system.client.call('getDelivery', { params: { id } })
  expect(plan).toBeNull()
}

/** It goes on by itself; everybody of its one plan is reached. */
async function expectOnePlan(delivery: Started): Promise<void> {
  const { state, plan } = await system.expectExact(delivery, {})
  expect(state).toBe('done')
  expect(plan?.audience.planned).toBeGreaterThan(10_000)
  expect(await bigQuery.tables(`lfm_multicast_${delivery.id}__`)).toHaveLength(1)
}

test('everybody on both lanes is reached once, and every job says whose it is', async () => {
  const delivery = await system.deliver({ sql: bothLanes, text: 'Hello {{ title }}' })
  const { state } = await system.expectExact(delivery, onBothLanes)
  expect(state).toBe('done')
  const jobs = await bigQuery.jobs(delivery.id)
  const steps = new Set(jobs.map(({ configuration }) => configuration.labels?.step))
  expect([...steps]).toEqual(expect.arrayContaining(['segment', 'people', 'push', 'load', 'log']))
  expect(jobs.filter(({ errorResult }) => errorResult)).toEqual([])
  const loads = jobs.filter(({ configuration }) => configuration.labels?.step === 'load')
  const [allowed] = await query(
    system.embedded.addresses.databaseUrl,
    'select cardinality(allowed_at) as changes from warehouse_changes where table_name = $1',
    [`lfm_outcomes_${delivery.id}`],
  )
  expect(allowed?.changes).toBeGreaterThanOrEqual(loads.length)
})

test('everybody on both lanes is reached once though the worker is killed with -9 in between', async () => {
  const delivery = await system.deliver({
    sql: bothLanes,
    text: 'Hello {{ title }}',
    rate: { multicast: 5, push: 200 },
  })
  await system.simulator.untilCalls(delivery.unit, 300, 'push')
  await killWorker()
  await restartWorker()
  await system.expectExact(delivery, onBothLanes)
})

test('a worker killed in a freeze leaves no plan, and the delivery goes on with one', async () => {
  const killed: Started[] = []
  for (const fault of [
    // The segment's own job is accepted, and nobody is told.
    { do: 'accept-then-drop-connection', when: { jobIdPrefix: deliveries, nth: 1 } },
    // A later one takes its time.
    { do: 'job-stays', runningPolls: 8, when: { jobIdPrefix: deliveries, nth: 2 } },
  ]) {
    // No freeze is over before the kill: whatever comes after the point takes its time.
    const after = { jobIdPrefix: deliveries, from: fault.when.nth + 1 }
    await bigQuery.addFault({ on: 'jobs.insert', do: 'job-stays', runningPolls: 8, when: after })
    await bigQuery.addFault({ on: 'jobs.insert', ...fault })
    const delivery = await system.deliver({ sql: anyHalf, text: 'Hello' })
    await bigQuery.untilFired()
    await killWorker()
    await expectNoPlan(delivery)
    await bigQuery.clearFaults()
    killed.push(delivery)
    await restartWorker()
  }
  for (const delivery of killed) await expectOnePlan(delivery)
})

test('a worker killed while it reads a page, or sends outcomes to BigQuery, loses nobody', async () => {
  await bigQuery.addFault({ on: 'tabledata.list', do: 'half-a-reply', when: { from: 2 } })
  const reading = await system.deliver({ sql: many, text: 'Hello' })
  await bigQuery.untilFired()
  await killWorker()
  await bigQuery.clearFaults()
  await restartWorker()
  const sending = await system.deliver({ sql: many, text: 'Hello', rate: { multicast: 20 } })
  const when = { table: `lfm_outcomes_${sending.id}` }
  await bigQuery.addFault({ on: 'jobs.upload', do: 'accept-then-drop-connection', when })
  await bigQuery.untilFired()
  await killWorker()
  await bigQuery.clearFaults()
  await restartWorker()
  for (const delivery of [reading, sending])
    await system.expectExact(delivery, { planned: 20_000, accepted: 20_000 })
})

test('a storm of 503 in freeze, paging and upload only delays a delivery', async () => {
  const routes = ['jobs.insert', 'tabledata.list', 'jobs.upload']
  for (const on of routes)
    await bigQuery.addFault({ on, do: 'error', reason: 'backendError', when: { until: 3 } })
  const delivery = await system.deliver({ sql: many, text: 'Hello' })
  await system.expectExact(delivery, { planned: 20_000, accepted: 20_000 })
  expect(await bigQuery.fired()).toEqual(routes.map(() => 3))
})

test('outcomes that went down with a BigQuery that was away for a while are made again', async () => {
  await bigQuery.addFault({ on: 'jobs.upload', do: 'job-stays', pendingPolls: 1_000_000 })
  const delivery = await system.deliver({ sql: many, text: 'Hello' })
  // Everything is sent, and every load taken; none is ever begun.
  await system.until(delivery.id, ({ phase }) => phase === 'reconciling')
  expect(await bigQuery.jobs(delivery.id, 'load')).not.toEqual([])
  await system.embedded.kill('bigquery', 'SIGKILL')
  await sleep(3_000)
  // Or else it could have loaded again before that is looked at.
  signalWorker('SIGSTOP')
  onTestFinished(() => signalWorker('SIGCONT'))
  await system.embedded.restart('bigquery')
  expect(await bigQuery.jobs(delivery.id, 'load')).toEqual([])
  signalWorker('SIGCONT')
  await system.expectExact(delivery, { planned: 20_000, accepted: 20_000 })
})

test('a freeze that stalls and wakes up late moves nothing of the plan that is being sent', async () => {
  await system.embedded.kill('worker', 'SIGTERM')
  const stalled = await startWatchedWorker(system)
  onTestFinished(() => stalled.close())
  const when = { jobIdPrefix: deliveries, nth: 2 }
  await bigQuery.addFault({ on: 'jobs.insert', do: 'job-stays', runningPolls: 5, when })
  const delivery = await system.deliver({ sql: anyHalf, text: 'Hello', rate: { multicast: 2 } })
  await bigQuery.untilFired()
  signalWorker('SIGSTOP', stalled.name)
  onTestFinished(() => signalWorker('SIGCONT', stalled.name))
  // Or else what it has asked Temporal for would be given to it, and wait there.
  stalled.temporal.set('refused')
  await expectNoPlan(delivery)
  await restartWorker()
  await system.simulator.untilCalls(delivery.unit, 3)
  const facts = () => system.client.call('getDelivery', { params: { id: delivery.id } })
  const before = await facts()
  expect(before.progress.accepted).toBeLessThan(before.progress.planned)
  stalled.temporal.set('open')
  signalWorker('SIGCONT', stalled.name)
  await expectOnePlan(delivery)
  expect((await facts()).plan).toEqual(before.plan)
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
