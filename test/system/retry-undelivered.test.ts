// A delivery is cancelled while LINE's answers are lost, and what it left undelivered is retried.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Started, friends, type RunningSystem, startSystem } from './running-system.ts'
import { expectDiscreet } from './discretion.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 20_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

const who = { by: 'a test', why: 'to see' }
const retry = (id: string, body: object = {}) =>
  system.client.call('retryDelivery', { params: { id }, body })

/** Cancelled in mid-delivery, with requests of which LINE's yes was lost, and one recipient refused. */
async function cancelledInDoubt(): Promise<Started> {
  const registered = await system.register({
    sql: friends(20_000),
    text: 'Hello',
    rate: { multicast: 4 },
  })
  const when = { unit: registered.unit }
  await system.simulator.addFault({
    on: 'multicast',
    when: { ...when, share: 0.4 },
    do: 'accept-then-drop-connection',
  })
  const params = { id: registered.campaignId }
  const { id } = await system.client.call('startCampaign', { params, body: {} })
  await system.simulator.untilCalls(registered.unit, 12)
  await system.client.call('cancelDelivery', { params: { id }, body: who })
  const ended = await system.untilEnded(id)
  expect(ended.state).toBe('cancelled during send')
  await system.simulator.clearFaults()
  return { id, ...registered }
}

test('what was cancelled in doubt is unknown, and a retry reaches the unsent and nobody twice', async () => {
  const old = await cancelledInDoubt()
  const { account } = await system.untilEnded(old.id)
  if (!account) throw new Error('There is no account.')
  expect(account.unknown).toBeGreaterThan(0)
  expect(account.unsent).toBeGreaterThan(0)
  expect(account.accepted + account.unknown + account.unsent).toBe(20_000)

  const orders = await Promise.all([retry(old.id, who), retry(old.id, who), retry(old.id, who)])
  const [made] = orders
  expect(new Set(orders.map(({ id }) => id)).size).toBe(1)
  expect(made).toMatchObject({
    occurrence: `retry/${old.id}/1`,
    retry: { of: old.id, outcomes: ['unsent'] },
  })
  const retried = await system.untilEnded(made.id)
  expect(retried.state).toBe('done')
  expect(retried.account).toMatchObject({ planned: account.unsent, accepted: account.unsent })

  // Both have the campaign's aggregation unit: the simulator counts receipts over the two of them.
  const [unknown, first, second] = await Promise.all([
    system.recipients(old.id, 'unknown'),
    system.recipients(old.id, 'accepted'),
    system.recipients(made.id, 'accepted'),
  ])
  const all = [...first, ...second]
  expect(new Set([...all, ...unknown]).size).toBe(20_000)
  const listed = new Response(['user_id', ...all].join('\n')).body
  if (!listed) throw new Error('There is no list.')
  const { once, twice, never, unlisted } = await system.line.compare(old.unit, listed)
  expect({ once, twice, never }).toEqual({ once: all.length, twice: 0, never: 0 })
  // LINE did accept all of whom it is unknown, or some: none of them was sent to again.
  expect(unlisted).toBeGreaterThan(0)
  expect(unlisted).toBeLessThanOrEqual(account.unknown)

  await expect(retry(old.id, { number: 2 })).rejects.toThrow(/is a retry over the unsent/)
  await expect(retry(old.id, { number: 2, outcomes: ['unknown'] })).rejects.toThrow(
    /their retry keys live until/,
  )
  const history = await system.client.call('getDeliveryHistory', { params: { id: old.id } })
  expect(history.items.at(-1)).toMatchObject({ kind: 'retried', by: who.by })
})

test('a retry is frozen from the plan that was sent, whatever the segment would yield by then', async () => {
  const delivery = await system.deliver({
    // Another audience at each run.
    sql: `${friends(10_000)} AND random() < 0.8`,
    text: 'Hello',
    rate: { multicast: 4 },
  })
  await system.simulator.untilCalls(delivery.unit, 6)
  const params = { id: delivery.id }
  await system.client.call('cancelDelivery', { params, body: who })
  const { account } = await system.untilEnded(delivery.id)
  const unsent = await system.recipients(delivery.id, 'unsent')
  expect(account?.unsent).toBeGreaterThan(0)
  const made = await retry(delivery.id)
  await system.untilEnded(made.id)
  const reached = await system.recipients(made.id, 'accepted')
  expect(reached.toSorted()).toEqual(unsent.toSorted())
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
