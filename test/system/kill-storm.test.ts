// The worker is killed with -9 while a delivery is held, while it is being cancelled, and at random again and again.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { untilAttemptsEnded } from './attempts.ts'
import {
  friends,
  friendsOnBothLanes,
  type RunningSystem,
  type Started,
  startSystem,
} from './running-system.ts'
import { startWatchedWorker, type WatchedWorker } from './watched-worker.ts'

let system: RunningSystem
let worker: WatchedWorker

beforeAll(async () => {
  system = await startSystem({
    friends: 30_000,
    processes: { worker: 0 },
    // A call given up for a slow machine's sake would be called again, and counted.
    env: { LFM_LINE_DEADLINE_MS: '5000' },
  })
  worker = await startWatchedWorker(system)
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await worker.close()
})

const who = { by: 'a test', why: 'to see' }
const slowDelivery = { sql: friends(15_000), text: 'Hello', rate: { multicast: 5 } }

function order(operation: 'pause' | 'resume' | 'cancel', { id }: Started) {
  return system.client.call(`${operation}Delivery`, { params: { id }, body: who })
}

test('killed while paused: it stays paused, and a resume sends the rest', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 5)
  await order('pause', delivery)
  // Or else what it had called would be in doubt, and be called again.
  await untilAttemptsEnded(system.embedded.addresses.databaseUrl, delivery.id)
  await worker.kill()
  const whenPaused = (await system.simulator.calls(delivery.unit)).length
  await worker.revive()
  await sleep(3_000)
  expect(await system.simulator.calls(delivery.unit)).toHaveLength(whenPaused)
  expect((await order('resume', delivery)).delivery.state).toBe('sending')
  expect(await system.expectExact(delivery, { planned: 15_000, accepted: 15_000 })).toMatchObject({
    state: 'done',
  })
  expect(await system.simulator.calls(delivery.unit)).toHaveLength(30)
})

test('killed while it closes the ledger of a cancelled delivery: the account is exact', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 5)
  const killed = worker.killAt([/max\(calls_end_by\)/], 'is lost')
  await order('cancel', delivery)
  await killed
  await worker.revive()
  const { state, account } = await system.expectExact(delivery, { planned: 15_000 })
  expect(state).toBe('cancelled during send')
  const accepted = (await system.simulator.calls(delivery.unit)).filter((call) => call.accepted)
  expect(account).toMatchObject({
    accepted: accepted.length * 500,
    unsent: 15_000 - accepted.length * 500,
  })
})

/** Numbers from 0 to 1 that are the same in every run. */
function draws(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

test('killed ten times at random: everybody on both lanes is reached once', async () => {
  const draw = draws(7)
  const delivery = await system.deliver({
    sql: friendsOnBothLanes({ push: 1_500, multicast: 28_000 }),
    text: 'Hello {{ title }}',
    rate: { multicast: 3, push: 80 },
  })
  await system.simulator.untilCalls(delivery.unit, 5)
  for (let kills = 0; kills < 10; kills++) {
    await sleep(100 + draw() * 2_000)
    const { progress } = await system.client.call('getDelivery', { params: { id: delivery.id } })
    expect(progress.accepted).toBeLessThan(progress.planned)
    await worker.kill()
    await worker.revive()
  }
  const { state } = await system.expectExact(delivery, { planned: 29_500, accepted: 29_500 })
  expect(state).toBe('done')
})
