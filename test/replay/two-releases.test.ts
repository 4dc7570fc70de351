// A deploy in mid-delivery: workers of this release and of a next one, whose workflows differ behind a patch.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import {
  bundleWorkflowCode,
  NativeConnection,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { deliveryQueue } from '../../workflows/queues.ts'
import { type FakeOptions } from '../workflows/fake-activities.ts'
import { isDoneAgain, startDelivery, startTemporal } from '../workflows/temporal-server.ts'

let env: TestWorkflowEnvironment
let nextRelease: WorkflowBundle

beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
  nextRelease = await bundleWorkflowCode({
    workflowsPath: new URL('../../workflows/index.ts', import.meta.url).pathname,
    workflowInterceptorModules: [new URL('next-release.ts', import.meta.url).pathname],
  })
})
afterAll(() => env.teardown())

const plan = { pages: { multicast: 3, push: 2 }, batchesPerPage: 4 }
const all = 20

type Run = Awaited<ReturnType<typeof startDelivery>>

/** Starts a worker of the next release beside the run's own. */
async function startNextRelease({ activities }: Run) {
  // Of its own: one connection serves one worker of a queue.
  const connection = await NativeConnection.connect({ address: env.address })
  const worker = await Worker.create({
    connection,
    taskQueue: deliveryQueue,
    workflowBundle: nextRelease,
    activities,
    maxCachedWorkflows: 0,
  })
  const running = worker.run()
  return {
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
      await connection.close()
    },
  }
}

/** A delivery that waits in the middle of its batches. */
async function startHalfway() {
  const goOn = Promise.withResolvers<undefined>()
  const onSend: FakeOptions['onSend'] = (_input, n) =>
    n === 8 ? goOn.promise : Promise.resolve(undefined)
  const run = await startDelivery(env, inject('bundlePath'), { ...plan, onSend })
  await vi.waitFor(() => expect(run.delivery.sent.length).toBeGreaterThan(7), { timeout: 60_000 })
  return { run, goOn: () => goOn.resolve(undefined) }
}

/** Marks of the next release and failed workflow tasks in the delivery's history. */
async function lookBack({ handle }: Run) {
  const { events } = await handle.fetchHistory()
  return {
    patches: events?.filter(({ markerRecordedEventAttributes: marker }) => {
      const [patch] = marker?.details?.['patch-data']?.payloads ?? []
      return Buffer.from(patch?.data ?? []).includes('wait-before-the-account')
    }).length,
    failedTasks: events?.filter(
      ({ workflowTaskFailedEventAttributes: task }) => task && !isDoneAgain(task),
    ).length,
  }
}

function expectAllSentOnce({ delivery }: Run): void {
  const sent = delivery.sent.map(({ lane, batchNo }) => `${lane}/${batchNo}`)
  expect(new Set(sent).size).toBe(all)
  expect(sent).toHaveLength(all)
}

test('a delivery that began under one release ends under the next', async () => {
  const { run: begun, goOn } = await startHalfway()
  await using run = begun
  await run.stopWorkflowWorker()
  await using _next = await startNextRelease(run)
  goOn()
  expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: all } })
  expectAllSentOnce(run)
  expect(await lookBack(run)).toEqual({ patches: 1, failedTasks: 0 })
})

test('workers of two releases send a delivery together until the older one is gone', async () => {
  const { run: begun, goOn } = await startHalfway()
  await using run = begun
  await using _next = await startNextRelease(run)
  await vi.waitFor(() => expect(run.delivery.sent).toHaveLength(all - 1), { timeout: 60_000 })
  await run.stopWorkflowWorker()
  goOn()
  expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: all } })
  expectAllSentOnce(run)
  expect(await lookBack(run)).toEqual({ patches: 1, failedTasks: 0 })
})
