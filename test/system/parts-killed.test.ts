// API, Temporal and PostgreSQL are killed in mid-delivery; and one start, asked for by many, is one delivery.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startCampaign } from '../../bench/deliveries.ts'
import { createStore } from '../../store/store.ts'
import { startApi } from './api-process.ts'
import { expectDiscreet } from './discretion.ts'
import { friends, type RunningSystem, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 30_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** 60 multicast calls in 12 s. */
const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 5 } }
const everybody = { planned: 30_000, accepted: 30_000 }
const everyPart = ['temporal', 'postgres', 'simulator', 'worker', 'api']
const who = { by: 'a test', why: 'to see' }

test('requests to start that meet in two API processes make one delivery', async () => {
  const [one, other] = [system.client, (await startApi(system)).client]
  const registered = await system.register({ sql: friends(5_000), text: 'Hello' })
  const started = await Promise.all(
    [one, other, one, other].map((client) => startCampaign(client, registered.campaignId)),
  )
  const [id = ''] = new Set(started.map((delivery) => delivery.id))
  expect(started.map((delivery) => delivery.id)).toEqual([id, id, id, id])
  await system.expectExact({ id, ...registered }, { planned: 5_000, accepted: 5_000 })
  const again = await startCampaign(other, registered.campaignId)
  expect(again).toMatchObject({ id, state: 'done' })
  const { items } = await one.call('listDeliveries', {
    query: { campaignId: registered.campaignId },
  })
  expect(items.map((delivery) => delivery.id)).toEqual([id])
})

test('a delivery goes on while the API is killed and when it is back', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await system.embedded.kill('api', 'SIGKILL')
  const whenKilled = (await system.simulator.calls(delivery.unit)).length
  await system.simulator.untilCalls(delivery.unit, whenKilled + 10)
  await system.embedded.restart('api')
  expect((await startCampaign(system.client, delivery.campaignId)).id).toBe(delivery.id)
  await system.expectExact(delivery, everybody)
})

test('a delivery whose API died before it told Temporal is started by a worker', async () => {
  const registered = await system.register({ sql: friends(5_000), text: 'Hello' })
  const { addresses, env } = system.embedded
  const store = createStore({
    databaseUrl: addresses.databaseUrl,
    secretKey: Buffer.from(env.LFM_SECRET_KEY ?? '', 'base64'),
    connections: 1,
  })
  const { campaignId } = registered
  const made = await store.deliveries
    .start({ campaignId, occurrence: 'once', by: 'an API that died', at: new Date() })
    .finally(() => store.close())
  const id = made?.delivery.id ?? ''
  await system.expectExact({ id, ...registered }, { planned: 5_000, accepted: 5_000 })
})

test('while Temporal is killed a pause is answered and stops all calls; when it is back, resume works', async () => {
  // Early and slowly, for a batch under way has 20 calls.
  const delivery = await system.deliver({ ...slowDelivery, rate: { multicast: 3 } })
  await system.simulator.untilCalls(delivery.unit, 5)
  await system.embedded.kill('temporal', 'SIGKILL')
  const whenKilled = (await system.simulator.calls(delivery.unit)).length
  // Batches under way go on without Temporal: there is something for the pause to stop.
  await system.simulator.untilCalls(delivery.unit, whenKilled + 2)

  const { id } = delivery
  const askedAt = Date.now()
  const answer = await system.client.call('pauseDelivery', { params: { id }, body: who })
  const answeredAt = Date.now()
  expect(answer).toMatchObject({ temporal: 'away', delivery: { gate: { position: 'paused' } } })
  expect(answeredAt - askedAt).toBeLessThan(5_000)
  await expect(system.client.call('resumeDelivery', { params: { id }, body: who })).rejects.toThrow(
    /Temporal cannot be reached.*stays paused/,
  )

  await vi.waitUntil(() => Date.now() > answeredAt + 3_000, { timeout: 5_000 })
  await system.embedded.restart('temporal')
  const calls = await system.simulator.calls(delivery.unit)
  expect(calls.length).toBeLessThan(60)
  expect(calls.filter(({ at }) => at > answeredAt + 2_000)).toEqual([])

  await vi.waitFor(() => system.client.call('resumeDelivery', { params: { id }, body: who }), {
    timeout: 60_000,
    interval: 500,
  })
  await system.client.call('setChannelRate', {
    params: { id: delivery.channelId },
    body: { multicast: 20 },
  })
  await system.expectExact(delivery, everybody)
})

test('a delivery goes on when a killed Temporal is back, without a restart of the worker', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await system.embedded.kill('temporal', 'SIGKILL')
  await system.embedded.restart('temporal')
  await system.expectExact(delivery, everybody)
  expect(system.embedded.processes().map(({ name }) => name)).toEqual(everyPart)
})

test('a delivery goes on when a killed PostgreSQL is back', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await system.embedded.kill('postgres', 'SIGKILL')
  await system.embedded.restart('postgres')
  await system.expectExact(delivery, everybody)
  // Nobody died of a lost connection.
  expect(system.embedded.processes().map(({ name }) => name)).toEqual(everyPart)
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
