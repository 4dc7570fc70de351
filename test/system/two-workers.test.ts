// Two workers at once: one is cut off from Temporal but not from LINE, and each is replaced in turn.
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { query } from '../store/open-store.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'
import { startWatchedWorker, type WatchedWorker } from './watched-worker.ts'

let system: RunningSystem
let first: WatchedWorker

beforeAll(async () => {
  system = await startSystem({
    friends: 30_000,
    processes: { worker: 0 },
    // A call given up for a slow machine's sake would be called again, and counted.
    env: { LFM_LINE_DEADLINE_MS: '10000' },
  })
  first = await startWatchedWorker(system)
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await first.close()
})

/** All friends in so many groups, each a request of its own. */
const inCalls = (calls: number) =>
  friends(30_000, `user_id, TRY_CAST(substr(name, 8) AS INTEGER) % ${calls} AS title`)

/** For what is left of a delivery when it has lasted for long enough. */
const hurry = ({ channelId }: Started) =>
  system.client.call('setChannelRate', { params: { id: channelId }, body: { multicast: 100 } })

test('a worker cut off from Temporal but not from LINE never has a key on the wire with its successor', async () => {
  // Long calls: of those under way when the batch is taken over some last for two seconds more.
  await system.line.settings({ latencyMs: 2_000 })
  const delivery = await system.deliver({
    sql: inCalls(800),
    text: 'Hello {{ title }}',
    // Lasts for longer than another worker takes to start and Temporal to miss this one.
    rate: { multicast: 10 },
  })
  await system.simulator.untilCalls(delivery.unit, 5)
  const second = await system.embedded.startWorker()
  first.temporal.set('stalled')
  onTestFinished(async () => {
    first.temporal.set('open')
    await system.line.settings({ latencyMs: 50 })
  })
  const whenCut = (await system.simulator.calls(delivery.unit)).length
  // It does not know, and goes on.
  await system.simulator.untilCalls(delivery.unit, whenCut + 5)
  const attempts = () =>
    query(
      system.embedded.addresses.databaseUrl,
      'select 1 from batch_attempt where delivery_id = $1 and attempt_no = 2',
      [delivery.id],
    )
  await vi.waitUntil(async () => (await attempts()).length > 0, { timeout: 60_000 })
  const { progress } = await system.client.call('getDelivery', { params: { id: delivery.id } })
  expect(progress.accepted).toBeLessThan(progress.planned)
  await hurry(delivery)
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
  await system.embedded.kill(second, 'SIGTERM')
}, 400_000)

/** No gap between two starts of calls may be longer; a rolling deployment is not to be seen at LINE. */
const longestGapMs = 5_000

test('workers replaced in turn ten times leave no gap and abandon no call', async () => {
  const second = await system.embedded.startWorker()
  const delivery = await system.deliver({
    // For more than three minutes, in which a worker starts ten times; the calls of one rate are far closer than the gap.
    sql: inCalls(1_500),
    text: 'Hello {{ title }}',
    rate: { multicast: 8 },
  })
  await system.simulator.untilCalls(delivery.unit, 16)
  for (let n = 0; n < 10; n++) await system.embedded.restart(n % 2 === 0 ? first.name : second)
  const whenDone = (await system.simulator.calls(delivery.unit)).length
  expect(whenDone).toBeLessThan(1_500)
  // What follows upon the last of them is still looked at at the same rate.
  await system.simulator.untilCalls(delivery.unit, whenDone + 40)
  await hurry(delivery)
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
  const calls = await system.simulator.calls(delivery.unit)
  const gaps = calls.slice(1).map(({ at }, i) => at - (calls[i]?.at ?? at))
  expect(Math.max(...gaps)).toBeLessThan(longestGapMs)
  // Each request was called once: no connection was cut, and nothing had to be asked again.
  expect(calls.map(({ status }) => status)).toEqual(Array.from({ length: 1_500 }, () => 200))
}, 400_000)
