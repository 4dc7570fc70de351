// A gate that was moved while Temporal was away, in a delivery without a batch that would notice.
import { expect, onTestFinished, test } from 'vitest'
import { friends, startSystem } from './running-system.ts'

const who = { by: 'Mio', why: 'a wrong price' }

test('a paused delivery that is cancelled while Temporal is away ends by itself when it is back', async () => {
  const system = await startSystem({ friends: 20_000 })
  onTestFinished(() => system[Symbol.asyncDispose]())
  const delivery = await system.deliver({
    sql: friends(20_000),
    text: 'Hello',
    rate: { multicast: 5 },
  })
  const { id } = delivery
  await system.simulator.untilCalls(delivery.unit, 5)
  const paused = await system.pauseUntilTold(id, who)
  expect(paused.delivery.state).toBe('paused')
  await system.embedded.kill('temporal', 'SIGKILL')
  const cancelled = await system.client.call('cancelDelivery', { params: { id }, body: who })
  expect(cancelled).toMatchObject({ temporal: 'away', delivery: { state: 'cancelling' } })
  await system.embedded.restart('temporal')
  const { state, account } = await system.expectExact(delivery, { planned: 20_000 })
  expect(state).toBe('cancelled during send')
  const accepted = (await system.simulator.calls(delivery.unit)).filter((call) => call.accepted)
  expect(account).toMatchObject({ accepted: accepted.length * 500 })
})
