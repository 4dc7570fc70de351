// What an operator does in mid-delivery: pause, resume, cancel, another rate, another channel.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { expectDiscreet } from './discretion.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 30_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** 60 multicast calls in 12 s. */
const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 5 } }
const everybody = { planned: 30_000, accepted: 30_000 }
const who = { by: 'Mio', why: 'a wrong price' }

function order(operation: 'pause' | 'resume' | 'cancel', { id }: Started) {
  return system.client.call(`${operation}Delivery`, { params: { id }, body: who })
}

/** Looks on for a second more than calls may still start, and expects that none did. */
async function expectSilenceAfter(answeredAt: number, { unit }: Started): Promise<void> {
  await vi.waitUntil(() => Date.now() > answeredAt + 3_000, { timeout: 5_000 })
  const calls = await system.simulator.calls(unit)
  expect(calls.length).toBeGreaterThan(0)
  expect(calls.length).toBeLessThan(60)
  expect(calls.filter(({ at }) => at > answeredAt + 2_000)).toEqual([])
}

test('after a pause is answered no call starts, and after a resume the rest is sent', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  const paused = await order('pause', delivery)
  const answeredAt = Date.now()
  expect(paused).toMatchObject({
    delivery: { state: 'paused', gate: { position: 'paused', ...who } },
  })
  await expectSilenceAfter(answeredAt, delivery)
  await system.pauseUntilTold(delivery.id, who)
  const resumed = await order('resume', delivery)
  expect(resumed).toMatchObject({ delivery: { state: 'sending', gate: { position: 'open' } } })
  expect(await system.expectExact(delivery, everybody)).toMatchObject({ state: 'done' })
})

test('a cancelled delivery ends with an account of whom it reached and whom it did not', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await order('cancel', delivery)
  await expectSilenceAfter(Date.now(), delivery)
  const { state, stateReason, account } = await system.expectExact(delivery, { planned: 30_000 })
  expect(state).toBe('cancelled during send')
  expect(stateReason).toContain(who.why)
  const accepted = (await system.simulator.calls(delivery.unit)).filter((call) => call.accepted)
  expect(account).toMatchObject({
    accepted: accepted.length * 500,
    unsent: 30_000 - accepted.length * 500,
  })
  await expect(order('resume', delivery)).rejects.toThrow(/has ended/)
})

test('a paused delivery can be cancelled', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await order('pause', delivery)
  expect((await order('cancel', delivery)).delivery.state).toBe('cancelling')
  const { state, account } = await system.expectExact(delivery, { planned: 30_000 })
  expect(state).toBe('cancelled during send')
  expect(account?.accepted).toBeGreaterThan(0)
  expect(account?.unsent).toBeGreaterThan(0)
})

test('a rate of 0 stops the calls of a channel made while the worker ran, another rate lets it go on', async () => {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  const params = { id: delivery.channelId }
  await system.client.call('setChannelRate', { params, body: { multicast: 0 } })
  await expectSilenceAfter(Date.now(), delivery)
  await system.client.call('setChannelRate', { params, body: { multicast: 20 } })
  await system.expectExact(delivery, everybody)
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello', who.why])
})
