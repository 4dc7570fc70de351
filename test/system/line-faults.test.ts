// A LINE that fails, loses answers and refuses; rows that can't be sent; and what is left of it all in Temporal.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryWorkflowId } from '../../workflows/messages.ts'
import { expectDiscreet } from './discretion.ts'
import {
  friendId,
  friends,
  friendsOnBothLanes,
  type RunningSystem,
  type Started,
  startSystem,
} from './running-system.ts'

let system: RunningSystem

/** A call given up for a slow machine's sake would be called again, and counted. */
const lineDeadlineMs = 5_000

beforeAll(async () => {
  system = await startSystem({
    friends: 30_000,
    env: { LFM_LINE_DEADLINE_MS: String(lineDeadlineMs) },
  })
})
afterAll(() => system[Symbol.asyncDispose]())

test('everybody is reached once though LINE fails before and after it accepts', async () => {
  const wanted = {
    sql: friendsOnBothLanes({ push: 400, multicast: 29_000 }),
    text: 'Hello {{ title }}',
    rate: { multicast: 20, push: 200 },
  }
  const registered = await system.register(wanted)
  const kinds = [
    '500-before-accept',
    '500-after-accept',
    'accept-then-drop-connection',
    'drop-before-accept',
    'half-a-reply',
    'garbage-body',
    'refuse-connection',
    '429-rate',
  ]
  for (const on of ['multicast', 'push'] as const) {
    for (const kind of kinds) {
      // A connection refused has no unit yet.
      const unit = kind === 'refuse-connection' ? {} : { unit: registered.unit }
      await system.simulator.addFault({ on, when: { ...unit, share: 0.05, times: 3 }, do: kind })
    }
  }
  const params = { id: registered.campaignId }
  const { id } = await system.client.call('startCampaign', { params, body: {} })
  const { state } = await system.expectExact(
    { id, ...registered },
    { planned: 29_400, accepted: 29_400 },
  )
  expect(state).toBe('done')
  const faults = await system.simulator.faults()
  expect(faults.filter(({ fired }) => fired === 0)).toEqual([])
  await system.simulator.clearFaults()
})

test('everybody is reached once though 30 % of calls go wrong and LINE is away for six seconds', async () => {
  const registered = await system.register({
    sql: friendsOnBothLanes({ push: 200, multicast: 10_000 }),
    text: 'Hello {{ title }}',
    rate: { multicast: 10, push: 100 },
  })
  const { unit } = registered
  const kinds = [
    '500-before-accept',
    '500-after-accept',
    'accept-then-drop-connection',
    'drop-before-accept',
    'half-a-reply',
    'garbage-body',
    // Longer than the deadline.
    'slow',
  ]
  for (const on of ['multicast', 'push'] as const)
    for (const kind of kinds)
      await system.simulator.addFault({
        on,
        when: { unit, share: 0.3, times: on === 'push' ? 10 : 2 },
        do: kind,
        ...(kind === 'slow' && { ms: lineDeadlineMs + 1_000 }),
      })
  for (const [on, from] of [
    ['multicast', 9],
    ['push', 80],
  ] as const)
    await system.simulator.addFault({ on, when: { unit, from }, do: '503' })
  const params = { id: registered.campaignId }
  const { id } = await system.client.call('startCampaign', { params, body: {} })
  const isAway = async () => (await system.simulator.faults()).slice(-2).every(({ fired }) => fired)
  await vi.waitUntil(isAway, { timeout: 60_000 })
  await sleep(6_000)
  const faults = await system.simulator.faults()
  expect(faults.filter(({ fired }) => fired === 0)).toEqual([])
  await system.simulator.clearFaults()
  await system.expectExact({ id, ...registered }, { planned: 10_200, accepted: 10_200 })
})

test('a request that always gets 500 holds nobody else up, and is sent in a round once that ends', async () => {
  const [sick, before, inARound] = [friendId(3), 5_000 / 500 - 1, 5 + 1]
  const fault = { on: 'multicast', when: { containsUser: sick }, do: '500-before-accept' } as const
  await system.simulator.addFault(fault)
  const delivery = await system.deliver({ sql: friends(5_000), text: 'Hello' })
  const { state } = await system.until(delivery.id, ({ progress }) => progress.accepted === 4_500)
  expect(state).toBe('sending')
  // Five tries are all that it gets before the first round.
  await system.simulator.untilCalls(delivery.unit, before + inARound)
  await system.simulator.clearFaults()
  await system.expectExact(delivery, { planned: 5_000, accepted: 5_000 })
})

test('of a request that LINE refuses for one recipient only that one is rejected', async () => {
  const refused = friendId(7)
  const fault = { on: 'multicast', when: { containsUser: refused }, do: '400-bad-user' } as const
  await system.simulator.addFault(fault)
  const delivery = await system.deliver({ sql: friends(5_000), text: 'Hello' })
  const { state } = await system.expectExact(delivery, {
    planned: 5_000,
    accepted: 4_999,
    rejected: 1,
  })
  expect(state).toBe('done with failures')
  expect(await system.recipients(delivery.id, 'rejected')).toEqual([refused])
  // Ten requests, one of them refused and sent again in the two parts beside the one.
  expect(await system.simulator.calls(delivery.unit)).toHaveLength(12)
  await system.simulator.clearFaults()
})

/** Asks again where the workflow of a busy machine has not answered in time. */
const resumeUntilTold = ({ id }: Started, why: string) =>
  vi.waitFor(() => system.client.call('resumeDelivery', { params: { id }, body: { why } }), {
    timeout: 60_000,
    interval: 500,
  })

test("content that LINE refuses pauses the delivery with LINE's words, and a resume sends it", async () => {
  await system.simulator.addFault({ on: 'multicast', do: '400-content' })
  const delivery = await system.deliver({
    sql: friends(30_000),
    text: 'Hello',
    rate: { multicast: 20 },
  })
  const { gate } = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(gate).toMatchObject({
    by: 'LFM',
    why: expect.stringMatching(/content.*\/messages|messages\[0\]/) as string,
  })
  await system.simulator.clearFaults()
  await resumeUntilTold(delivery, 'LINE was wrong')
  await system.expectExact(delivery, { planned: 30_000, accepted: 30_000 })
  const refused = (await system.simulator.calls(delivery.unit)).filter(
    ({ status }) => status === 400,
  )
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.length).toBeLessThan(40)
})

test('ids that no user can have are counted and listed, and never sent to', async () => {
  const delivery = await system.deliver({
    sql: `${friends(1_000)} UNION ALL SELECT user_id FROM friends WHERE name = 'Nobody'`,
    text: 'Hello',
  })
  const { plan } = await system.expectExact(delivery, { planned: 1_000, accepted: 1_000 })
  expect(plan?.audience).toMatchObject({ segmentRows: 1_005, malformed: 5, planned: 1_000 })
  const { items } = await system.client.call('getMalformedIds', { params: { id: delivery.id } })
  expect(items.toSorted()).toEqual([
    '',
    `C${'a'.repeat(32)}`,
    'U123',
    `U${'G'.repeat(32)}`,
    `u${'0'.repeat(32)}`,
  ])
  const calls = await system.simulator.calls(delivery.unit)
  expect(calls.map(({ status }) => status)).toEqual([200, 200])
})

test('rows that make no valid message are skipped, and the others are sent to', async () => {
  const title = `CASE name WHEN 'Friend 1' THEN repeat('x', 5001) WHEN 'Friend 2' THEN NULL ELSE name END`
  const delivery = await system.deliver({
    sql: friends(100, `user_id, ${title} AS title`),
    text: '{{ title }}',
  })
  const { state } = await system.expectExact(delivery, {
    planned: 100,
    accepted: 98,
    skipped: 2,
  })
  expect(state).toBe('done with failures')
  const skipped = await system.recipients(delivery.id, 'skipped')
  expect(skipped.toSorted()).toEqual([friendId(1), friendId(2)].toSorted())
})

/** Texts of all payloads and names in the histories of a delivery and of its pages. */
async function historiesOf(deliveryId: string): Promise<string[]> {
  const connection = await Connection.connect({ address: system.embedded.addresses.temporal })
  const { workflow } = new Client({ connection })
  const texts: string[] = []
  function read(value: unknown): void {
    if (typeof value === 'string') texts.push(value)
    else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'))
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(read)
  }
  try {
    const workflowIds = [deliveryWorkflowId(deliveryId)]
    for (const workflowId of workflowIds) {
      const { events } = await workflow.getHandle(workflowId).fetchHistory()
      for (const event of events ?? []) {
        const child = event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId
        if (child) workflowIds.push(child)
        read(event)
      }
    }
    expect(workflowIds.length).toBeGreaterThan(2)
  } finally {
    await connection.close()
  }
  return texts
}

test('no history in Temporal names a user, a secret, a text or a variable', async () => {
  const phrase = 'The text that stays with us'
  const refused = friendId(20)
  for (const on of ['push', 'multicast'] as const) {
    const fault = { on, when: { containsUser: refused }, do: '400-bad-user' }
    await system.simulator.addFault(fault)
  }
  const delivery = await system.deliver({
    sql: friendsOnBothLanes({ push: 30, multicast: 1_000 }),
    text: `${phrase}, {{ title }}`,
    // Slow enough to be paused on the way.
    rate: { multicast: 2, push: 100 },
  })
  const params = { id: delivery.id }
  await system.client.call('pauseDelivery', { params, body: { why: 'to be in the history' } })
  await resumeUntilTold(delivery, 'as this')
  await system.expectExact(delivery, { planned: 1_030, accepted: 1_029, rejected: 1 })
  const texts = await historiesOf(delivery.id)
  expect(texts.some((text) => text.includes('to be in the history'))).toBe(true)
  expectDiscreet(texts, system, [phrase])
  await system.simulator.clearFaults()
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello', 'The text that stays with us'])
})
