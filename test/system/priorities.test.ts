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
  const wanted = { low: 3_500, urgent: 1_000 }
  const order = { name: 'Test', messages: [{ type: 'text', text: 'Hello {{ name }}' }] }
  async function campaign(priority: number, recipients: number) {
    const sql = friends(recipients, 'user_id, name')
    const { contentId, segmentId, ...made } = await createCampaign(client, first.channelId, {
      ...order,
      sql,
    })
    return client.call('createCampaign', {
      body: { name: made.name, channelId: first.channelId, contentId, segmentId, priority },
    })
  }
  const one = await campaign(5, wanted.low)
  const other = await campaign(5, wanted.low)
  const urgent = await campaign(1, wanted.urgent)
  const start = (id: string) => client.call('startCampaign', { params: { id }, body: {} })
  const low = [await start(one.id), await start(other.id)]
  await simulator.untilCalls(one.aggregationUnit ?? '', 100)
  await simulator.untilCalls(other.aggregationUnit ?? '', 100)
  const { id } = await start(urgent.id)
  const delivery = await system.until(id, hasEnded)
  expect(delivery.account).toMatchObject({ planned: wanted.urgent, accepted: wanted.urgent })

  const of = async (unit: string | null) => simulator.calls(unit ?? '')
  const urgentCalls = await of(urgent.aggregationUnit)
  const lowCalls = [...(await of(one.aggregationUnit)), ...(await of(other.aggregationUnit))]
  const besideFirst = (count: number) => {
    const from = urgentCalls[0]?.at ?? 0
    const until = urgentCalls[count - 1]?.at ?? 0
    return lowCalls.filter(({ at }) => at >= from && at <= until).length
  }
  // Its first batch takes turns with the batches under way, where each of three alike would have a third.
  expect(besideFirst(200)).toBeLessThan(1.5 * 200)
  // Further ones go first altogether.
  expect(besideFirst(wanted.urgent)).toBeLessThan(wanted.urgent / 2)

  for (const { id: lowId } of low) {
    const ended = await system.until(lowId, hasEnded)
    expect(ended.account).toMatchObject({ planned: wanted.low, accepted: wanted.low })
    expect(Date.parse(ended.endedAt ?? '')).toBeGreaterThan(Date.parse(delivery.endedAt ?? ''))
  }
  const all = [...urgentCalls, ...lowCalls].map(({ at }) => at).toSorted((a, b) => a - b)
  // No five seconds in which more arrived than the rate allows, with a little for the way.
  const span = 5
  for (const [i, at] of all.entries()) {
    const within = all.slice(i).findIndex((later) => later >= at + span * 1_000)
    if (within >= 0) expect(within).toBeLessThanOrEqual(perSecond * span * 1.1)
  }
})
