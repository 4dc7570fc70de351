// A cancel ends what waits in a lane's queue, whether the queue gives it out or not.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type SendBatchResult } from '../../activities/send-batch.ts'
import { cancelUpdate, pageWorkflowId } from '../../workflows/messages.ts'
import { setQueueRate, startDelivery, startTemporal, waitingBatches } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

const who = { by: 'an operator', why: 'a test' }
test('a cancel ends batches that wait in a queue of rate 0', async () => {
  let isStopped = false
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 3,
    async onSend(input): Promise<SendBatchResult> {
      await setQueueRate(env, input, 0)
      isStopped = true
      return { kind: 'stopped' }
    },
  })
  // Before they are given out for the first time they wait as well.
  await vi.waitUntil(() => isStopped, { timeout: 60_000 })
  await vi.waitFor(async () => expect(await waitingBatches(env, run.handle.workflowId)).toBe(3), {
    timeout: 60_000,
    interval: 100,
  })
  const answer = await run.handle.executeUpdate(cancelUpdate, { args: [who] })
  expect(answer.state).toBe('cancelling')
  expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
  expect(run.delivery.closedBecause).toBe('Cancelled: a test')
})

test('a cancel waits until batches under way have recorded their answers', async () => {
  const recorded = Promise.withResolvers<undefined>()
  let isRecorded = false
  let wasClosedEarly = false
  let going = 0
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 2,
    async onSend() {
      going += 1
      await recorded.promise
      return { kind: 'again' }
    },
    before(activity) {
      if (activity === 'closeLedger') wasClosedEarly ||= !isRecorded
    },
  })
  await vi.waitFor(() => expect(going).toBe(2), { timeout: 60_000 })
  await run.handle.executeUpdate(cancelUpdate, { args: [who] })
  const page = env.client.workflow.getHandle(
    pageWorkflowId(run.handle.workflowId.replace('delivery/', ''), 'multicast', 0, 0),
  )
  await vi.waitFor(
    async () => {
      const { raw } = await page.describe()
      const states = raw.pendingActivities?.map(({ state }) => state)
      // Temporal's PENDING_ACTIVITY_STATE_CANCEL_REQUESTED.
      expect(states).toEqual([3, 3])
    },
    { timeout: 60_000, interval: 50 },
  )
  isRecorded = true
  recorded.resolve(undefined)
  expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
  expect(wasClosedEarly).toBe(false)
})
