// The worker is killed, or asked to stop, in mid-delivery.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectDiscreet } from './discretion.ts'
import {
  friends,
  friendsOnBothLanes,
  type RunningSystem,
  type Started,
  startSystem,
} from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({
    friends: 30_000,
    // A call given up for a slow machine's sake would be called again, and counted.
    env: { LFM_LINE_DEADLINE_MS: '5000' },
  })
})
afterAll(() => system[Symbol.asyncDispose]())

async function killAndRestart(): Promise<void> {
  await system.embedded.kill('worker', 'SIGKILL')
  await system.embedded.restart('worker')
}

async function statusesOf({ unit }: Started): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { status } of await system.simulator.calls(unit)) {
    counts[String(status)] = (counts[String(status)] ?? 0) + 1
  }
  return counts
}

test('everybody on both lanes is reached once though the worker is killed with -9 three times', async () => {
  const delivery = await system.deliver({
    sql: friendsOnBothLanes({ push: 1_500, multicast: 28_000 }),
    text: 'Hello {{ title }}',
    rate: { multicast: 5, push: 100 },
  })
  await system.simulator.untilCalls(delivery.unit, 5, 'multicast')
  for (const pushes of [100, 400, 800]) {
    await system.simulator.untilCalls(delivery.unit, pushes, 'push')
    const { progress } = await system.client.call('getDelivery', { params: { id: delivery.id } })
    expect(progress.accepted).toBeLessThan(progress.planned)
    await killAndRestart()
  }
  const { state } = await system.expectExact(delivery, { planned: 29_500, accepted: 29_500 })
  expect(state).toBe('done')
})

test('calls that LINE accepted but the killed worker never heard of are read from its 409', async () => {
  await system.line.settings({ latencyMs: 1_000 })
  const delivery = await system.deliver({
    sql: friends(30_000),
    text: 'Hello',
    rate: { multicast: 20 },
  })
  await system.simulator.untilCalls(delivery.unit, 20)
  await system.embedded.kill('worker', 'SIGKILL')
  const unheard = (await system.simulator.calls(delivery.unit)).filter(
    ({ accepted, status }) => accepted && status === null,
  )
  expect(unheard.length).toBeGreaterThan(0)
  await system.line.settings({ latencyMs: 50 })
  await system.embedded.restart('worker')
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
  expect((await statusesOf(delivery))['409']).toBeGreaterThanOrEqual(unheard.length)
})

test('a worker that is asked to stop abandons no call, and the next one goes on', async () => {
  const delivery = await system.deliver({
    // 400 requests in 80 s, for two workers that come and go.
    sql: friends(30_000, 'user_id, TRY_CAST(substr(name, 8) AS INTEGER) % 400 AS title'),
    text: 'Hello {{ title }}',
    rate: { multicast: 5 },
  })
  const second = await system.embedded.startWorker()
  await system.simulator.untilCalls(delivery.unit, 10)
  // One goes while the other runs on; then the other, so that for a while there is none.
  await system.embedded.kill('worker', 'SIGTERM')
  const callsWithOne = (await system.simulator.calls(delivery.unit)).length
  await system.simulator.untilCalls(delivery.unit, callsWithOne + 5)
  await system.embedded.kill(second, 'SIGTERM')
  const calls = await system.simulator.calls(delivery.unit)
  expect(calls.filter(({ answeredAt }) => answeredAt === null)).toEqual([])
  expect(calls.length).toBeLessThan(400)
  await system.client.call('setChannelRate', {
    params: { id: delivery.channelId },
    body: { multicast: 100 },
  })
  await system.embedded.restart('worker')
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
  // Each request was called once: no connection was cut, and nothing had to be asked again.
  expect(await statusesOf(delivery)).toEqual({ 200: 400 })
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
