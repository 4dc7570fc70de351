// A delivery's workflow is terminated or reset in mid-delivery, or Temporal loses everything; the store goes on.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { makeSampleWarehouse } from '../../bench/sample-warehouse.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import { deliveryWorkflowId } from '../../workflows/messages.ts'
import { friends, type RunningSystem, startSystem, type Started } from './running-system.ts'

/** 60 multicast calls in 12 s. */
const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 5 } }
const everybody = { planned: 30_000, accepted: 30_000 }
const who = { by: 'Mio', why: 'its workflow is gone' }

const recover = (system: RunningSystem, { id }: Started) =>
  system.client.call('recoverDelivery', { params: { id }, body: who })

const kindsOf = async (system: RunningSystem, { id }: Started) => {
  const { items } = await system.client.call('getDeliveryHistory', { params: { id } })
  return items.map(({ kind }) => kind)
}

async function temporalOf(system: RunningSystem): Promise<Client> {
  const connection = await Connection.connect({ address: system.embedded.addresses.temporal })
  onTestFinished(() => connection.close())
  return new Client({ connection })
}

let system: RunningSystem
beforeAll(async () => {
  system = await startSystem({ friends: 30_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

test('a delivery whose workflow was terminated is shown as interrupted, and recovered from its ledger', async () => {
  const { workflow } = await temporalOf(system)
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  await expect(recover(system, delivery)).rejects.toThrow(/has a workflow that runs/)
  await workflow.getHandle(deliveryWorkflowId(delivery.id)).terminate('a test')
  await system.until(delivery.id, ({ state }) => state === 'interrupted')
  const calls = await system.simulator.calls(delivery.unit)
  expect(calls.length).toBeLessThan(60)

  expect((await recover(system, delivery)).state).not.toBe('interrupted')
  await system.expectExact(delivery, everybody)
  const kinds = await kindsOf(system, delivery)
  expect(kinds).toEqual(expect.arrayContaining(['interrupted', 'recovered', 'done']))
  await expect(recover(system, delivery)).rejects.toThrow(/has ended/)
})

test('a paused delivery is recovered paused, and what is cancelled then is counted', async () => {
  const { workflow } = await temporalOf(system)
  const delivery = await system.deliver(slowDelivery)
  const { id } = delivery
  await system.simulator.untilCalls(delivery.unit, 10)
  await system.client.call('pauseDelivery', { params: { id }, body: who })
  await workflow.getHandle(deliveryWorkflowId(id)).terminate('a test')
  expect((await recover(system, delivery)).state).toBe('paused')
  await system.client.call('cancelDelivery', { params: { id }, body: who })
  const { state, progress } = await system.untilEnded(id)
  expect(state).toBe('cancelled during send')
  expect(progress.accepted + progress.unsent).toBe(30_000)
  expect(progress.unsent).toBeGreaterThan(0)
})

test('a delivery that was reset in Temporal Web goes on by itself and repeats nothing', async () => {
  const { workflow, workflowService } = await temporalOf(system)
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 10)
  const handle = workflow.getHandle(deliveryWorkflowId(delivery.id))
  const { events } = await handle.fetchHistory()
  const firstDone = events?.find((event) => event.workflowTaskCompletedEventAttributes)
  const { runId } = await handle.describe()
  await workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: handle.workflowId, runId },
    reason: 'a test',
    workflowTaskFinishEventId: firstDone?.eventId ?? null,
    requestId: crypto.randomUUID(),
  })
  await system.expectExact(delivery, everybody)
  const { runId: lastRunId } = await handle.describe()
  expect(lastRunId).not.toBe(runId)
})

test('what Temporal has lost is recovered from the store', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'lfm-system-'))
  const simulator = createSimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    await simulator.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const sample = await makeSampleWarehouse({ dataDir, recipients: 30_000, seed: 1 })
  sample.close()
  const start = () => startSystem({ friends: 30_000, dataDir, lineUrl: `http://127.0.0.1:${port}` })

  const before = await start()
  const delivery = await before.deliver(slowDelivery)
  await before.simulator.untilCalls(delivery.unit, 10)
  await before.embedded.stop()
  for (const file of readdirSync(dataDir))
    if (file.startsWith('temporal.db')) rmSync(join(dataDir, file))

  const after = await start()
  onTestFinished(() => after[Symbol.asyncDispose]())
  await after.until(delivery.id, ({ state }) => state === 'interrupted')
  const { items } = await after.client.call('recoverDeliveries', { body: who })
  expect(items).toEqual([{ id: delivery.id, isRecovered: true, detail: null }])
  await after.expectExact(delivery, everybody)
})
