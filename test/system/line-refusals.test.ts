// A LINE that refuses recipients, by name or not, for a while or for good; with answers lost and a worker killed.
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  friendId,
  friends,
  type RunningSystem,
  type Started,
  startSystem,
} from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({
    friends: 10_000,
    // A call given up for a slow machine's sake would be called again, and counted.
    env: { LFM_LINE_DEADLINE_MS: '5000' },
  })
})
afterAll(() => system[Symbol.asyncDispose]())

const some = (...numbers: number[]) => numbers.map((n) => friendId(n))
const all = Array.from({ length: 200 }, (_, n) => friendId(n))

beforeEach(async () => {
  await system.simulator.clearFaults()
  await system.simulator.setFriends(all, 'friend')
  await system.line.settings({ switches: { keyCheckedBeforeValidation: true } })
})

async function rejectedOf({ id }: Started): Promise<string[]> {
  return (await system.recipients(id, 'rejected')).toSorted()
}

/** Requests of the delivery on which a split is on record. */
async function splitsOf({ id }: Started): Promise<number> {
  const client = new pg.Client(system.embedded.addresses.databaseUrl)
  await client.connect()
  try {
    const { rows } = await client.query<{ splits: number }>(
      `select count(*)::integer as splits from batch b, jsonb_each(b.records) r
        where b.delivery_id = $1 and r.value ->> 'state' = 'split'`,
      [id],
    )
    return rows[0]?.splits ?? 0
  } finally {
    await client.end()
  }
}

/** Calls that name fewer than a whole request. */
const partsCalled = async ({ unit }: Started) =>
  (await system.simulator.calls(unit)).filter(({ recipients }) => recipients < 500)

test('whom LINE refuses without a name is found, though answers are lost and the worker dies between a split and its parts', async () => {
  const refused = some(3, 50, 51, 52, 120, 199)
  await system.simulator.setFriends(refused, 'refused')
  const kinds = ['accept-then-drop-connection', 'drop-before-accept', '500-after-accept']
  const delivery = await system.register({
    sql: friends(5_000),
    text: 'Hello',
    // The parts wait for their turn behind the other requests.
    rate: { multicast: 2 },
  })
  for (const kind of kinds)
    await system.simulator.addFault({
      on: 'multicast',
      when: { unit: delivery.unit, share: 0.3, times: 2 },
      do: kind,
    })
  const { id } = await system.client.call('startCampaign', {
    params: { id: delivery.campaignId },
    body: {},
  })
  const started = { id, ...delivery }
  await vi.waitUntil(async () => (await splitsOf(started)) > 0, { timeout: 30_000, interval: 20 })
  await system.embedded.kill('worker', 'SIGKILL')
  expect(await partsCalled(started)).toEqual([])
  await system.embedded.restart('worker')
  await system.client.call('setChannelRate', {
    params: { id: delivery.channelId },
    body: { multicast: 100 },
  })
  const done = await system.expectExact(started, { planned: 5_000, accepted: 4_994, rejected: 6 })
  expect(await rejectedOf(started)).toEqual(refused.toSorted())
  const faults = await system.simulator.faults()
  expect(faults.filter(({ fired }) => fired === 0)).toEqual([])
  // Two calls a level and nine levels, for each of the six at most; each part is called at least once.
  expect(done.splitCalls).toBeGreaterThan(18)
  expect(done.splitCalls).toBeLessThanOrEqual(6 * 18)
  expect((await partsCalled(started)).length).toBeGreaterThanOrEqual(done.splitCalls)
})

test('a request that LINE refuses as a whole pauses the delivery early, and a resume splits it to the end', async () => {
  const refused = Array.from({ length: 90 }, (_, n) => friendId(n))
  await system.simulator.setFriends(refused, 'refused')
  const delivery = await system.deliver({ sql: friends(90), text: 'Hello' })
  const { gate } = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(gate).toMatchObject({
    by: 'LFM',
    why: expect.stringMatching(
      /LINE refuses everybody in multicast request 0 so far.*Failed to send messages.*resume/,
    ) as string,
  })
  expect((await system.simulator.calls(delivery.unit)).length).toBeLessThan(90)
  const params = { id: delivery.id }
  await system.client.call('resumeDelivery', { params, body: { why: 'these ids are old' } })
  const { splitCalls } = await system.expectExact(delivery, { planned: 90, rejected: 90 })
  // Both halves of 89 splits: a part for each.
  expect(splitCalls).toBe(178)
  expect(await system.simulator.calls(delivery.unit)).toHaveLength(179)
})

test('splitting that costs more than its budget pauses the delivery, and a resume begins a new budget', async () => {
  const refused = Array.from({ length: 40 }, (_, n) => friendId(n))
  await system.simulator.setFriends(refused, 'refused')
  const delivery = await system.deliver({ sql: friends(5_000), text: 'Hello' })
  const { gate, splitCalls } = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(gate.why).toMatch(/has cost \d+ calls, more than its budget of 200 for 10 requests/)
  expect(splitCalls).toBeGreaterThan(200)
  // Over by no more than what was under way.
  expect(splitCalls).toBeLessThan(300)
  const params = { id: delivery.id }
  const resume = () =>
    system.client.call('resumeDelivery', { params, body: { why: 'go on without them' } })
  await resume()
  const next = await system.until(
    delivery.id,
    (now) => now.endedAt !== null || (now.state === 'paused' && now.splitCalls > splitCalls),
  )
  if (next.endedAt === null) {
    expect(next.splitCalls).toBeGreaterThan(splitCalls + 100)
    await resume()
  }
  await system.expectExact(delivery, { planned: 5_000, accepted: 4_960, rejected: 40 })
  expect(await rejectedOf(delivery)).toEqual(refused.toSorted())
})

test('a user who becomes valid between two tries is reached, once', async () => {
  const [late] = some(7)
  if (late === undefined) throw new Error('There is no friend 7.')
  await system.simulator.setFriends([late], 'refused')
  const delivery = await system.deliver({
    sql: friends(2_000),
    text: 'Hello',
    rate: { multicast: 3 },
  })
  await vi.waitUntil(
    async () => (await system.simulator.calls(delivery.unit)).some(({ status }) => status === 400),
    { timeout: 20_000, interval: 20 },
  )
  await system.simulator.setFriends([late], 'friend')
  const { state } = await system.expectExact(delivery, { planned: 2_000, accepted: 2_000 })
  expect(state).toBe('done')
})

/** Delivers to two requests; the first call of one of them goes wrong, and LINE refuses one of its users from then on. */
async function refuseAfter(fault: string): Promise<{ delivery: Started; refused: string }> {
  const refused = friendId(9)
  for (const [when, kind] of [
    [{ times: 1 }, fault],
    [{ from: 2 }, '400-unnamed'],
  ] as const)
    await system.simulator.addFault({
      on: 'multicast',
      when: { containsUser: refused, ...when },
      do: kind,
    })
  const delivery = await system.deliver({ sql: friends(1_000), text: 'Hello' })
  return { delivery, refused }
}

test('a call that LINE took before it refused one of its users is read from its 409, where keys are looked at first', async () => {
  const { delivery } = await refuseAfter('accept-then-drop-connection')
  await system.expectExact(delivery, { planned: 1_000, accepted: 1_000 })
})

test('a call that never arrived is split after two refusals, where keys are looked at first', async () => {
  const { delivery, refused } = await refuseAfter('drop-before-accept')
  await system.expectExact(delivery, { planned: 1_000, accepted: 999, rejected: 1 })
  expect(await rejectedOf(delivery)).toEqual([refused])
})

test('where LINE looks at recipients first, what was in doubt before a refusal ends unknown, and nobody is reached twice', async () => {
  // Another worker, for this one knows LINE's order already.
  await system.embedded.kill('worker', 'SIGKILL')
  await system.line.settings({ switches: { keyCheckedBeforeValidation: false } })
  await system.embedded.restart('worker')
  for (const fault of ['accept-then-drop-connection', 'drop-before-accept']) {
    await system.simulator.clearFaults()
    await system.simulator.setFriends(all, 'friend')
    const { delivery } = await refuseAfter(fault)
    await system.expectExact(delivery, { planned: 1_000, accepted: 500, unknown: 500 })
  }
})

test('of a cancelled delivery what is in doubt is unknown, and what no call named is unsent', async () => {
  const registered = await system.register({
    sql: friends(10_000),
    text: 'Hello',
    rate: { multicast: 2 },
  })
  await system.simulator.addFault({
    on: 'multicast',
    when: { unit: registered.unit },
    do: 'accept-then-drop-connection',
  })
  const params = { id: registered.campaignId }
  const { id } = await system.client.call('startCampaign', { params, body: {} })
  await system.simulator.untilCalls(registered.unit, 3)
  await system.client.call('cancelDelivery', { params: { id }, body: { why: 'enough' } })
  const delivery = { id, ...registered }
  const { account, state } = await system.untilEnded(id)
  const accepted = (await system.simulator.calls(registered.unit)).filter((call) => call.accepted)
  expect(state).toBe('cancelled during send')
  await system.expectExact(delivery, {
    planned: 10_000,
    accepted: 0,
    unknown: accepted.length * 500,
    unsent: 10_000 - accepted.length * 500,
  })
  expect(account?.unsent).toBeGreaterThan(0)
})
