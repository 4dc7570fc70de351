// Two API processes give 200 orders at once to a delivery that is being sent.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Client } from '../../cli/client.ts'
import { startApi } from './api-process.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 30_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** 60 multicast calls. */
const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 2 } }
const orders = 200
const ordersAtOnce = 16
/** What may be said of an order that has lost against others. */
const lostAgainstOthers = /stays paused|did not answer|still paused/

/** A delivery that is being sent, and has two minutes to go: more than the storm lasts. */
async function deliverSlowly(): Promise<Started> {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 3)
  await setRate(delivery, 0.5)
  return delivery
}

function setRate({ channelId }: Started, multicast: number) {
  return system.client.call('setChannelRate', { params: { id: channelId }, body: { multicast } })
}

function give(
  client: Client,
  { id }: Started,
  operation: 'pause' | 'resume' | 'cancel',
  by: string,
) {
  return client.call(`${operation}Delivery`, { params: { id }, body: { by, why: 'a storm' } })
}

/** The delivery as it is shown then; undefined where the order has lost against others, which may still be on their way. */
async function giveInStorm(...order: Parameters<typeof give>) {
  try {
    return (await give(...order)).delivery
  } catch (error) {
    if (error instanceof Error && lostAgainstOthers.test(error.message)) return undefined
    throw error
  }
}

/** Gives 200 orders by two APIs and holds every answer against the store's history of the gate. */
async function storm(delivery: Started): Promise<void> {
  const apis = [system.client, (await startApi(system)).client]
  const seen: { by: string; position: string }[] = []
  let next = 0
  const operator = async () => {
    while (next < orders) {
      const n = next++
      const operation = n % 5 < 2 ? 'pause' : 'resume'
      const client = apis[n % 2] ?? system.client
      const shown = await giveInStorm(client, delivery, operation, `operator ${n}`)
      const { by, position } = shown?.gate ?? { by: null }
      if (by !== null && position) seen.push({ by, position })
    }
  }
  await Promise.all(Array.from({ length: ordersAtOnce }, operator))

  const { items } = await system.client.call('getDeliveryHistory', { params: { id: delivery.id } })
  const moves = new Map(
    items.flatMap(({ kind, by }) =>
      kind === 'paused' || kind === 'resumed'
        ? [[by, kind === 'paused' ? 'paused' : 'open'] as const]
        : [],
    ),
  )
  expect(seen.length).toBeGreaterThan(orders / 2)
  for (const { by, position } of seen) expect(position).toBe(moves.get(by))
}

test('orders in a storm are answered truly, and the delivery is exact when it may go on', async () => {
  const delivery = await deliverSlowly()
  await storm(delivery)
  await setRate(delivery, 50)
  await vi.waitUntil(
    async () => {
      const { state } = await system.client.call('getDelivery', { params: { id: delivery.id } })
      if (state === 'paused')
        await giveInStorm(system.client, delivery, 'resume', 'the last operator')
      return state === 'done'
    },
    { timeout: 100_000, interval: 250 },
  )
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
})

test('a cancel at the end of a storm leaves an exact account', async () => {
  const delivery = await deliverSlowly()
  await give(system.client, delivery, 'pause', 'the first operator')
  await storm(delivery)
  await give(system.client, delivery, 'cancel', 'the last operator')
  const { state } = await system.expectExact(delivery, { planned: 30_000 })
  expect(state).toBe('cancelled during send')
})
