// Other senders on the same channel, and LINE's limit for a single user: the rate gives way to those, not to this.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { friendId, friends, type RunningSystem, startSystem } from './running-system.ts'

let system: RunningSystem

const limit = 200
/** So much that together they are above the limit also where a slow machine sends at a third of the rate. */
const taken = 150

beforeAll(async () => {
  system = await startSystem({ friends: 10_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

const ratesOf = async (id: string) =>
  (await system.client.call('getChannel', { params: { id } })).currentRates

/** Calls of somebody else with the same channel, so many a second until it is told to stop. */
async function sendAsSomebodyElse(lineChannelId: string, perSecond: number, signal: AbortSignal) {
  const { line: baseUrl } = system.embedded.addresses
  const form = { grant_type: 'client_credentials', client_id: lineChannelId }
  const issued = await fetch(`${baseUrl}/oauth2/v3/token`, {
    method: 'POST',
    body: new URLSearchParams({ ...form, client_secret: system.channelSecrets.at(-1) ?? '' }),
  })
  const { access_token: token } = (await issued.json()) as { access_token: string }
  const send = () =>
    fetch(`${baseUrl}/v2/bot/message/push`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'x-line-retry-key': crypto.randomUUID(),
      },
      body: JSON.stringify({ to: friendId(1), messages: [{ type: 'text', text: 'from them' }] }),
    }).then((answer) => answer.arrayBuffer())
  const calls: Promise<unknown>[] = []
  let due = 0
  for (let last = performance.now(); !signal.aborted;) {
    const now = performance.now()
    // What a stall has kept it from is not made up for at once: that would be another sender than this one.
    due += (Math.min(now - last, 100) / 1000) * perSecond
    last = now
    while (calls.length < due) calls.push(send())
    await sleep(10)
  }
  await Promise.all(calls)
}

test("LINE's limit for one user leaves the rate alone and everybody else at full rate", async () => {
  const fault = {
    on: 'push',
    when: { containsUser: friendId(7), times: 5 },
    do: '429-user',
  } as const
  await system.simulator.addFault(fault)
  const delivery = await system.deliver({
    sql: friends(1_000, 'user_id, name'),
    text: 'Hello {{ name }}',
    rate: { push: limit },
  })
  await system.until(delivery.id, ({ progress }) => progress.accepted >= 999)
  expect((await ratesOf(delivery.channelId)).push.loweredAt).toBeNull()
  // The five calls of a round are spent on that one; the next round reaches it.
  await system.expectExact(delivery, { planned: 1_000, accepted: 1_000 })
  const refused = (await system.simulator.calls(delivery.unit)).filter(
    ({ status }) => status === 429,
  )
  expect(refused).toHaveLength(5)
  await system.simulator.clearFaults()
})

test('beside another sender a lane gives way, and nobody is lost or reached twice', async () => {
  await system.line.settings({ limits: { pushPerSecond: limit } })
  const registered = await system.register({
    sql: friends(2_000, 'user_id, name'),
    text: 'Hello {{ name }}',
    rate: { push: limit },
  })
  const { lineChannelId } = await system.client.call('getChannel', {
    params: { id: registered.channelId },
  })
  const stopping = new AbortController()
  const others = sendAsSomebodyElse(lineChannelId, taken, stopping.signal)
  const params = { id: registered.campaignId }
  const { id } = await system.client.call('startCampaign', { params, body: {} })
  const lowered = new Set<string>()
  await system.until(id, ({ progress }) => {
    void ratesOf(registered.channelId).then(
      ({ push }) => {
        if (push.loweredAt !== null) lowered.add(push.loweredAt)
      },
      () => undefined, // Asked again at the next look.
    )
    return progress.accepted >= 1_500
  })
  const { multicast, push } = await ratesOf(registered.channelId)
  expect(lowered.size).toBeGreaterThan(0)
  expect(push.callsPerSecond).toBeLessThan(limit * 0.9)
  expect(multicast.loweredAt).toBeNull()
  // Of everybody: what LINE answers 429 it has not read, so nobody knows whose it was.
  const calls = await system.simulator.calls()
  stopping.abort()
  await others
  const refused = (some: typeof calls) => some.filter(({ status }) => status === 429).length
  // At the full rate four in ten are; of the last thousand hardly any.
  expect(refused(calls.slice(-1_000))).toBeLessThan(100)
  const delivery = await system.untilEnded(id)
  expect(delivery.account).toMatchObject({ planned: 2_000, accepted: 2_000, unknown: 0 })
})
