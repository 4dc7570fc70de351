// What LINE says of the channel and not of a message: the month's quota is reached, tokens are revoked, the secret is another.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { agePast } from '../../bench/ageing.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 5_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** Ten requests, slow enough to change something on the way; with the channel as LINE knows it. */
async function deliver() {
  const delivery = await system.deliver({
    sql: friends(5_000),
    text: 'Hello',
    rate: { multicast: 1 },
  })
  const { lineChannelId } = await system.client.call('getChannel', {
    params: { id: delivery.channelId },
  })
  const channelSecret = system.channelSecrets.at(-1) ?? ''
  await system.simulator.untilCalls(delivery.unit, 2)
  return { delivery, atLine: { channelId: lineChannelId, channelSecret } }
}

/** For what is left when nothing is to be changed on the way any more. */
const hurry = ({ channelId }: Started) =>
  system.client.call('setChannelRate', { params: { id: channelId }, body: { multicast: 20 } })

const resume = ({ id }: Started, why: string) =>
  system.client.call('resumeDelivery', { params: { id }, body: { why } })

async function pausesOf({ id }: Started): Promise<string[]> {
  const { items } = await system.client.call('getDeliveryHistory', { params: { id } })
  return items.flatMap(({ kind, detail }) => (kind === 'paused' ? [detail ?? ''] : []))
}

test("a month's quota that is reached at 60 % pauses the delivery, again if it is resumed too early, and 30 hours later it goes on exactly", async () => {
  const { delivery, atLine } = await deliver()
  await system.simulator.changeChannel({ ...atLine, quota: { type: 'limited', value: 3_000 } })
  const reached = /monthly quota is reached.*[\d,]+ of 3000 messages/
  const { gate } = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(gate.why).toMatch(reached)

  const before = (await system.simulator.calls(delivery.unit)).length
  await resume(delivery, 'perhaps it is enough')
  await system.until(
    delivery.id,
    ({ gate: now }) => now.at !== gate.at && now.position === 'paused',
  )
  expect(await pausesOf(delivery)).toEqual([
    expect.stringMatching(reached),
    expect.stringMatching(reached),
  ])
  expect((await system.simulator.calls(delivery.unit)).length - before).toBeLessThanOrEqual(4)

  await system.embedded.kill('worker', 'SIGKILL')
  const { databaseUrl, line } = system.embedded.addresses
  await agePast({ databaseUrl, lineUrl: line, hours: 30 })
  await system.simulator.changeChannel({ ...atLine, quota: { type: 'limited', value: 9_000 } })
  await system.embedded.restart('worker')
  await hurry(delivery)
  await resume(delivery, 'more quota was bought')
  const { state } = await system.expectExact(delivery, { planned: 5_000, accepted: 5_000 })
  expect(state).toBe('done')
})

test('tokens that are revoked in mid-delivery are renewed without a pause', async () => {
  const { delivery, atLine } = await deliver()
  await system.simulator.revokeTokens(atLine.channelId)
  await system.expectExact(delivery, { planned: 5_000, accepted: 5_000 })
  const refused = (await system.simulator.calls(delivery.unit)).filter(({ accepted }) => !accepted)
  expect(await pausesOf(delivery)).toEqual([])
  expect(refused.length).toBeLessThanOrEqual(2)
})

test('a secret that was changed at LINE pauses the delivery, and once the channel is corrected it goes on exactly', async () => {
  const { delivery, atLine } = await deliver()
  const channelSecret = crypto.randomUUID().replaceAll('-', '')
  system.channelSecrets.push(channelSecret)
  await system.simulator.changeChannel({ ...atLine, channelSecret })
  await system.simulator.revokeTokens(atLine.channelId)
  const { gate } = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(gate).toMatchObject({
    by: 'LFM',
    why: expect.stringContaining("LINE refuses the channel's access token") as string,
  })
  await system.client.call('updateChannel', {
    params: { id: delivery.channelId },
    body: { channelSecret },
  })
  await hurry(delivery)
  await resume(delivery, 'the secret is right again')
  await system.expectExact(delivery, { planned: 5_000, accepted: 5_000 })
})
