// What the API tells Temporal, on a real dev server.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { resumeMs } from '../../api/operate-delivery.ts'
import { createDeliveryWorkflows, type DeliveryWorkflows } from '../../api/temporal.ts'
import { type Delivery } from '../../store/delivery-row.ts'
import { deliveryWorkflowId, gateSignal, stateAttribute } from '../../workflows/messages.ts'
import { deliveryQueue, laneQueue } from '../../workflows/queues.ts'
import { startDelivery, startTemporal } from '../workflows/temporal-server.ts'

let env: TestWorkflowEnvironment
let workflows: DeliveryWorkflows
const identity = 'lfm-api of the tests'

/** For what may be asked again: the API waits a second or two for Temporal, and a busy machine takes longer. */
const patience = { timeout: 60_000, interval: 100 }

beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
  workflows = createDeliveryWorkflows({
    connection: { address: env.address },
    namespace: 'default',
    identity,
  })
  await vi.waitFor(async () => expect(await workflows.isUp()).toBe(true), patience)
})
afterAll(async () => {
  await workflows.close()
  await env.teardown()
})

const aDelivery = (): Delivery => ({
  id: crypto.randomUUID(),
  campaignId: 'c1',
  occurrence: 'once',
  channelId: 'ch1',
  contentId: 'co1',
  contentVersion: 1,
  segmentId: 's1',
  segmentSql: 'select 1',
  priority: 2,
  timeZone: 'Asia/Tokyo',
  locale: 'ja',
  aggregationUnit: null,
  pauseAtFailedShare: 0.1,
  retry: null,
  renderedAsOf: new Date(0),
  state: 'starting',
  phase: 'starting',
  stateReason: null,
  gate: { position: 'open', seq: 0 },
  gateAt: null,
  startedBy: 'tests',
  createdAt: new Date(0),
  endedAt: null,
  restoredAt: null,
  closingRound: null,
  planDroppedAt: null,
  account: null,
})
const facts = { lineChannelId: '1650000009', summary: '友'.repeat(200) }
const request = { by: 'Hanako', why: 'a look' }
const begin = (delivery: Delivery) =>
  vi.waitFor(async () => expect(await workflows.start(delivery, facts)).toBe('told'), patience)

test('a start makes one workflow, with what Temporal Web shows of it; again is the same', async () => {
  const delivery = aDelivery()
  await Promise.all([1, 2, 3].map(() => begin(delivery)))
  const handle = env.client.workflow.getHandle(deliveryWorkflowId(delivery.id))
  const described = await handle.describe()
  expect(described.typedSearchAttributes.get(stateAttribute)).toBe('starting')
  // 400 bytes hold 133 characters of three bytes each, and none is cut in two.
  expect(await described.staticSummary()).toBe('友'.repeat(133))
  expect(described.priority?.priorityKey).toBe(2)

  await handle.terminate()
  await begin(delivery)
  expect((await handle.describe()).status.name).toBe('TERMINATED')
  expect(await workflows.tell(delivery.id, 'pause', request, 60_000)).toEqual({
    kind: 'no-workflow',
  })
})

test('a workflow that no worker serves leaves an order pending', async () => {
  const delivery = aDelivery()
  await begin(delivery)
  await vi.waitFor(async () => {
    const told = await workflows.tell(delivery.id, 'pause', request, 2_000)
    expect(told).toEqual({ kind: 'pending' })
  }, patience)
  await env.client.workflow.getHandle(deliveryWorkflowId(delivery.id)).terminate()
})

test('a delivery that no workflow ever had is told apart from an absent Temporal', async () => {
  const nobody = crypto.randomUUID()
  expect(await workflows.tell(nobody, 'cancel', request, 60_000)).toEqual({ kind: 'no-workflow' })
})

test('a workflow that is served answers an order', async () => {
  const released = Promise.withResolvers<undefined>()
  await using started = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 2,
    onSend: () => released.promise,
  })
  const id = started.handle.workflowId.replace('delivery/', '')
  const told = await workflows.tell(id, 'cancel', request, 60_000)
  released.resolve(undefined)
  expect(told).toMatchObject({ kind: 'told', answer: { gate: { position: 'cancelled' } } })
  await started.handle.result()
})

test('a resume is answered in the time that it is given, though a killed worker had a step of the workflow in hand', async () => {
  await using started = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
    quotaProblem: 'No room.',
  })
  const { handle, delivery, activities } = started
  await vi.waitFor(async () => {
    const { typedSearchAttributes } = await handle.describe()
    expect(typedSearchAttributes.get(stateAttribute)).toBe('paused')
  }, patience)
  await started.stopWorkflowWorker()
  // Takes a step, and is never heard of again.
  const taken = env.connection.withDeadline(Date.now() + 60_000, () =>
    env.connection.workflowService.pollWorkflowTaskQueue({
      namespace: 'default',
      taskQueue: { name: deliveryQueue },
      identity: 'a worker that is killed',
    }),
  )
  await handle.signal(gateSignal, delivery.gate)
  expect((await taken).workflowExecution?.workflowId).toBe(handle.workflowId)

  const next = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: deliveryQueue,
    workflowBundle: { codePath: inject('bundlePath') },
    activities,
  })
  const id = handle.workflowId.replace('delivery/', '')
  await next.runUntil(async () => {
    expect(await workflows.tell(id, 'resume', request, resumeMs)).toMatchObject({
      kind: 'told',
      answer: { gate: { position: 'open' } },
    })
    await handle.result()
  })
})

test('the rate of a lane is kept by the server, with its reason', async () => {
  for (const [callsPerSecond, batchesPerSecond] of [
    [0, 0],
    [200, 12.5],
  ] as const) {
    await vi.waitFor(async () => {
      const set = await workflows.setLaneRate('1650000009', 'multicast', callsPerSecond)
      expect(set).toBe('told')
    }, patience)
    // The server shows a rate a moment after it has taken it.
    await vi.waitFor(async () => {
      const { config } = await env.connection.workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name: laneQueue('1650000009', 'multicast') },
        taskQueueType: 2, // activity
        reportConfig: true,
      })
      const limit = config?.queueRateLimit
      expect(limit?.rateLimit?.requestsPerSecond ?? 0).toBe(batchesPerSecond)
      expect(limit?.metadata).toMatchObject({
        reason: `lfm: rate set to ${callsPerSecond} calls/s`,
        updateIdentity: identity,
      })
    }, patience)
  }
})

test('a Temporal that is not there is away, whatever it is asked', async () => {
  const nowhere = createDeliveryWorkflows({
    connection: { address: '127.0.0.1:1' },
    namespace: 'default',
    identity,
  })
  expect(await nowhere.start(aDelivery(), facts)).toBe('away')
  expect(await nowhere.tell(crypto.randomUUID(), 'resume', request, 700)).toEqual({ kind: 'away' })
  expect(await nowhere.setLaneRate('1', 'push', 1)).toBe('away')
  expect(await nowhere.isUp()).toBe(false)
  await nowhere.close()
})
