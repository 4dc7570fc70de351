// The API is killed with -9 in the midst of a request, which is then asked of another one.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startCampaign } from '../../bench/deliveries.ts'
import { openTcpProxy } from '../../bench/tcp-proxy.ts'
import { type Client } from '../../cli/client.ts'
import { startApi } from './api-process.ts'
import { friends, type RunningSystem, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 10_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** Where it dies: as it sends such a statement, which PostgreSQL does not get; or when it turns to Temporal. */
type Point = RegExp | 'Temporal'

/** An API that dies at the point; `died` says whether it did. */
async function startMortalApi(point: Point): Promise<{ client: Client; died: Promise<unknown> }> {
  const { addresses } = system.embedded
  const databaseUrl = new URL(addresses.databaseUrl)
  const postgres = await openTcpProxy({ targetPort: Number(databaseUrl.port) })
  const temporal = await openTcpProxy({ targetPort: Number(addresses.temporal.split(':')[1]) })
  databaseUrl.port = String(postgres.port)
  onTestFinished(async () => {
    await postgres.close()
    await temporal.close()
  })
  const { client, process: api } = await startApi(system, {
    DATABASE_URL: databaseUrl.href,
    TEMPORAL_ADDRESS: temporal.address,
  })
  const died = new Promise((resolve) => api.once('exit', (_code, signal) => resolve(signal)))
  const proxy = point === 'Temporal' ? temporal : postgres
  proxy.onClientBytes((bytes) => {
    if (point !== 'Temporal' && !point.test(bytes.toString('latin1'))) return
    api.kill('SIGKILL')
    proxy.set('refused')
  })
  return { client, died }
}

const everybody = { planned: 10_000, accepted: 10_000 }

async function deliveriesOf(campaignId: string): Promise<string[]> {
  const { items } = await system.client.call('listDeliveries', { query: { campaignId } })
  return items.map(({ id }) => id)
}

test.each<{ where: string; point: Point; rowsLeft: number }>([
  { where: 'before the row is made', point: /insert into "delivery" /, rowsLeft: 0 },
  { where: 'between row and event', point: /insert into "delivery_event"/, rowsLeft: 0 },
  { where: 'before Temporal is told', point: 'Temporal', rowsLeft: 1 },
])('an API killed in a start, $where: asked again, it is one delivery', async (row) => {
  const registered = await system.register({ sql: friends(10_000), text: 'Hello' })
  const { client, died } = await startMortalApi(row.point)
  await expect(startCampaign(client, registered.campaignId)).rejects.toThrow()
  expect(await died).toBe('SIGKILL')
  const left = await deliveriesOf(registered.campaignId)
  expect(left).toHaveLength(row.rowsLeft)
  const { id } = await startCampaign(system.client, registered.campaignId)
  expect(await deliveriesOf(registered.campaignId)).toEqual([id])
  if (left.length > 0) expect(left).toEqual([id])
  await system.expectExact({ id, ...registered }, everybody)
  const events = await system.client.call('getDeliveryHistory', { params: { id } })
  expect(events.items.filter(({ kind }) => kind === 'started')).toHaveLength(1)
})

test.each<{ where: string; point: Point; position: string }>([
  { where: 'before the gate is moved', point: /update "delivery" set "gate"/, position: 'open' },
  { where: 'before Temporal is told', point: 'Temporal', position: 'paused' },
])('an API killed in a pause, $where: asked again, it holds', async ({ point, position }) => {
  const delivery = await system.deliver({
    sql: friends(10_000),
    text: 'Hello',
    // Lasts for longer than another API takes to start.
    rate: { multicast: 0.5 },
  })
  const params = { id: delivery.id }
  const body = { by: 'a test', why: 'to see' }
  await system.simulator.untilCalls(delivery.unit, 2)
  const { client, died } = await startMortalApi(point)
  await expect(client.call('pauseDelivery', { params, body })).rejects.toThrow()
  expect(await died).toBe('SIGKILL')
  expect((await system.client.call('getDelivery', { params })).gate.position).toBe(position)
  const paused = await system.pauseUntilTold(delivery.id, body)
  expect(paused.delivery.state).toBe('paused')
  await system.client.call('setChannelRate', {
    params: { id: delivery.channelId },
    body: { multicast: 100 },
  })
  await system.client.call('resumeDelivery', { params, body })
  await system.expectExact(delivery, everybody)
})
