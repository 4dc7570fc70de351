// Temporal is away for a while: the API says so, and what an operator does meanwhile is in force.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 20_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** 40 multicast calls, of which a batch has 20: more than are made until Temporal is gone. */
const slowDelivery = { sql: friends(20_000), text: 'Hello', rate: { multicast: 3 } }
const everybody = { planned: 20_000, accepted: 20_000 }
/** A twentieth of a minute. */
const awayMs = 3_000

async function parts(): Promise<unknown> {
  const res = await fetch(`${system.embedded.addresses.api}/readyz`)
  return { status: res.status, ...((await res.json()) as { parts: object }).parts }
}

/** Kills Temporal in mid-delivery; calls of batches under way go on. */
async function deliverUntilTemporalIsKilled(): Promise<Started> {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 5)
  await system.embedded.kill('temporal', 'SIGKILL')
  const whenKilled = (await system.simulator.calls(delivery.unit)).length
  await system.simulator.untilCalls(delivery.unit, whenKilled + 2)
  return delivery
}

async function expectSilence({ unit }: Started, answeredAt: number): Promise<void> {
  await vi.waitUntil(() => Date.now() > answeredAt + awayMs, { timeout: 2 * awayMs })
  const calls = await system.simulator.calls(unit)
  expect(calls.length).toBeLessThan(40)
  expect(calls.filter(({ at }) => at > answeredAt + 2_000)).toEqual([])
}

test('Temporal away for a while is shown, and the delivery goes on when it is back', async () => {
  expect(await parts()).toEqual({ status: 200, store: 'up', temporal: 'up' })
  const delivery = await deliverUntilTemporalIsKilled()
  // Three seconds pass with it away, counted from when it is seen to be.
  const away = { status: 200, store: 'up', temporal: 'away' }
  await expect.poll(parts, { timeout: 20_000 }).toEqual(away)
  await sleep(awayMs)
  await system.embedded.restart('temporal')
  await system.expectExact(delivery, everybody)
  const allUp = { status: 200, store: 'up', temporal: 'up' }
  await expect.poll(parts, { timeout: 20_000 }).toEqual(allUp)
})

test('a rate of 0 stops all calls while Temporal is away, and another rate lets them go on', async () => {
  const delivery = await deliverUntilTemporalIsKilled()
  const params = { id: delivery.channelId }
  const answer = await system.client.call('setChannelRate', { params, body: { multicast: 0 } })
  expect(answer).toMatchObject({ temporal: 'away' })
  await expectSilence(delivery, Date.now())
  await system.embedded.restart('temporal')
  await system.client.call('setChannelRate', { params, body: { multicast: 50 } })
  await system.expectExact(delivery, everybody)
})

test('a delivery cancelled while Temporal is away is closed when it is back', async () => {
  const delivery = await deliverUntilTemporalIsKilled()
  const { id } = delivery
  const answer = await system.client.call('cancelDelivery', {
    params: { id },
    body: { by: 'a test', why: 'to see' },
  })
  expect(answer).toMatchObject({ temporal: 'away', delivery: { state: 'cancelling' } })
  await expectSilence(delivery, Date.now())
  await system.embedded.restart('temporal')
  const { state, account } = await system.expectExact(delivery, { planned: 20_000 })
  expect(state).toBe('cancelled during send')
  const accepted = (await system.simulator.calls(delivery.unit)).filter((call) => call.accepted)
  expect(account).toMatchObject({ accepted: accepted.length * 500 })
})
