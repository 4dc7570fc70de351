// Three deliveries at once on one channel: one limit for all, and the urgent one goes first.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCampaign, hasEnded } from '../../bench/deliveries.ts'
import { friends, type RunningSystem, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 6_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

const perSecond = 200

test('of three deliveries on one channel the urgent one gets the rate at once, and together they keep to it', async () => {
  const { client, simulator } = system
  const first = await system.register({
    sql: friends(1),
    text: 'Nobody',
    rate: { push: perSecond },
  })
  const order = {
    name: 'Test',
    messages: [{ type: 'text', text: 'Hello {{ name }}' }],
    sql: friends(2_500, 'user_id, name'),
  }
  async function campaign(priority: number) {
    const { contentId, segmentId, ...made } = await createCampaign(client, first.channelId, order)
    return client.call('createCampaign', {
      body: { name: made.name, channelId: first.channelId, contentId, segmentId, priority },
    })
  }
  const [one, other, urgent] = [await campaign(5), await campaign(5), await campaign(1)]
  const start = (id: string) => client.call('startCampaign', { params: { id }, body: {} })
  const low = [await start(one.id), await start(other.id)]
  await simulator.untilCalls(one.aggregationUnit ?? '', 100)
  await simulator.untilCalls(other.aggregationUnit ?? '', 100)
  const { id } = await start(urgent.id)
  await simulator.untilCalls(urgent.aggregationUnit ?? '', 400)

  const of = async (unit: string | null) => simulator.calls(unit ?? '')
  const urgentCalls = await of(urgent.aggregationUnit)
  const from = urgentCalls[0]?.at ?? 0
  const until = urgentCalls.at(-1)?.at ?? 0
  const lowCalls = [...(await of(one.aggregationUnit)), ...(await of(other.aggregationUnit))]
  const beside = lowCalls.filter(({ at }) => at >= from && at <= until)
  // A batch that has its permit when the urgent one comes keeps it; each is a second at most.
  expect(beside.length).toBeLessThan(urgentCalls.length)

  const delivery = await system.until(id, hasEnded)
  expect(delivery.account).toMatchObject({ planned: 2_500, accepted: 2_500 })
  for (const { id: lowId } of low) {
    const ended = await system.until(lowId, hasEnded)
    expect(ended.account).toMatchObject({ planned: 2_500, accepted: 2_500 })
    expect(Date.parse(ended.endedAt ?? '')).toBeGreaterThan(Date.parse(delivery.endedAt ?? ''))
  }
  const all = [...urgentCalls, ...lowCalls].map(({ at }) => at).toSorted((a, b) => a - b)
  // No second in which more was called than the rate and its burst allow, with a little for the way.
  for (const [i, at] of all.entries()) {
    const within = all.slice(i).findIndex((later) => later >= at + 1_000)
    if (within >= 0) expect(within).toBeLessThanOrEqual(perSecond * 1.1)
  }
}, 120_000)
