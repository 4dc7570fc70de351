// What an operator is told of a delivery that comes no further: by the delivery itself, by a webhook, by metrics.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Delivery } from '../../bench/deliveries.ts'
import { expectDiscreet } from './discretion.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem
const posted: Record<string, unknown>[] = []
const path = '/let-me-in-8f2a'

const receiver = createServer((req, res) => {
  let body = ''
  req.on('data', (chunk: Buffer) => (body += chunk.toString()))
  req.on('end', () => {
    posted.push(JSON.parse(body) as Record<string, unknown>)
    res.writeHead(204).end()
  })
})

beforeAll(async () => {
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  system = await startSystem({
    friends: 5_000,
    processes: { worker: 0, api: 2 },
    env: {
      // More than a start and a freeze take, and the first failures until they are on record.
      LFM_ALERT_AFTER_MS: '12000',
      LFM_ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}${path}`,
      LFM_ROUND_DELAYS_MS: '2000',
    },
  })
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  receiver.close()
})

const everybody = { sql: friends(5_000), text: 'Hello' }
const accepted = { planned: 5_000, accepted: 5_000 }
const has = (kind: string) => (delivery: Delivery) =>
  delivery.alerts.some((alert) => alert.kind === kind)
const postsOf = ({ id }: Started, kind: string) =>
  posted.filter((post) => post.deliveryId === id && post.kind === kind)

async function historyOf({ id }: Started): Promise<string[]> {
  const { items } = await system.client.call('getDeliveryHistory', { params: { id } })
  return items.map(({ kind, detail }) => `${kind} ${detail ?? ''}`)
}

async function untilPosted(delivery: Started, kind: string): Promise<void> {
  await vi.waitUntil(() => postsOf(delivery, kind).length > 0, { timeout: 20_000, interval: 100 })
}

test('a started delivery that nobody serves says so within 30 s, and goes on when somebody does', async () => {
  const delivery = await system.deliver(everybody)
  const startedAt = Date.now()
  const unserved = await system.until(delivery.id, has('unserved'))
  expect(Date.now() - startedAt).toBeLessThan(30_000)
  expect(unserved.doing.what).toBe('starting')
  expect(unserved.doing.waitsFor).toContain('a worker: nobody serves')
  await untilPosted(delivery, 'unserved')
  await system.embedded.startWorker()
  await system.expectExact(delivery, accepted)
  await system.until(delivery.id, ({ alerts }) => alerts.length === 0)
  expect(postsOf(delivery, 'unserved')).toHaveLength(1)
  expect(await historyOf(delivery)).toContain('alert cleared unserved')
})

test('a LINE that answers nobody raises one alert that names it, and none is left when it answers', async () => {
  await system.simulator.addFault({ on: 'multicast', do: '503' })
  const delivery = await system.deliver(everybody)
  const stalled = await system.until(delivery.id, has('stalled'))
  expect(stalled.alerts[0]?.waitsFor).toContain('503')
  expect(stalled.doing.waitsFor).toContain('503')
  await untilPosted(delivery, 'stalled')
  // It lasts into the wait for a round, and is the same trouble there.
  await system.until(delivery.id, ({ doing }) => /^round \d/.test(doing.waitsFor ?? ''))
  await system.simulator.clearFaults()
  await system.expectExact(delivery, accepted)
  await system.until(delivery.id, ({ alerts }) => alerts.length === 0)
  expect(postsOf(delivery, 'stalled')).toMatchObject([
    { kind: 'stalled', deliveryId: delivery.id, campaignId: delivery.campaignId },
  ])
  const history = await historyOf(delivery)
  expect(history.filter((line) => line.startsWith('alert raised'))).toHaveLength(1)
  expect(history).toContain('alert cleared stalled')
})

test('a pause by LFM is an alert at once, which a resume clears; a pause by a person is none', async () => {
  await system.simulator.addFault({ on: 'multicast', do: '403' })
  const delivery = await system.deliver(everybody)
  const paused = await system.until(delivery.id, has('paused-by-lfm'))
  expect(paused.doing.what).toContain('paused by LFM since')
  await untilPosted(delivery, 'paused-by-lfm')
  const metrics = await fetch(new URL('/metrics', system.embedded.addresses.api), {
    headers: { authorization: `Bearer ${system.embedded.apiToken}` },
  })
  const text = await metrics.text()
  expect(text).toContain('lfm_alerts{kind="paused-by-lfm"} 1\n')
  expect(text).toContain('lfm_deliveries{state="paused"} 1\n')
  await system.simulator.clearFaults()
  const params = { id: delivery.id }
  const order = { by: 'Mio', why: 'corrected at LINE' }
  await system.client.call('resumeDelivery', { params, body: order })
  await system.expectExact(delivery, accepted)
  await system.until(delivery.id, ({ alerts }) => alerts.length === 0)
  expect(postsOf(delivery, 'paused-by-lfm')).toHaveLength(1)
})

test('a delivery whose only worker was killed says that nobody serves it, until somebody does', async () => {
  const delivery = await system.deliver({ ...everybody, rate: { multicast: 1 } })
  await system.simulator.untilCalls(delivery.unit, 3)
  await system.embedded.kill('worker', 'SIGKILL')
  const unserved = await system.until(delivery.id, has('unserved'))
  expect(unserved.doing.waitsFor).toContain('/multicast')
  await system.embedded.startWorker()
  await system.expectExact(delivery, accepted)
})

test('no log line and no post of all this names a user, a secret, a text or where alerts go', () => {
  expectDiscreet(system.logs, system, ['Hello', path])
  expectDiscreet(
    posted.map((post) => JSON.stringify(post)),
    system,
    ['Hello'],
  )
})
