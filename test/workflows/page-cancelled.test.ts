// *Cancel* on a page in Temporal Web: the page ends, and its delivery asks a person.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { pageWorkflowId, resumeUpdate } from '../../workflows/messages.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

test('a page that is cancelled in Temporal pauses its delivery, and goes on when that is resumed', async () => {
  const goOn = Promise.withResolvers<undefined>()
  let going = 0
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 3,
    heartbeats: false,
    async onSend() {
      going += 1
      return goOn.promise
    },
  })
  await vi.waitFor(() => expect(going).toBe(3), { timeout: 60_000 })
  const deliveryId = run.handle.workflowId.replace('delivery/', '')
  await env.client.workflow.getHandle(pageWorkflowId(deliveryId, 'multicast', 0, 0)).cancel()
  // Those under way are ended by Temporal, for these never heartbeat.
  await vi.waitFor(() => expect(run.delivery.gate.position).toBe('paused'), { timeout: 60_000 })
  expect(run.delivery.gate).toMatchObject({
    by: 'LFM',
    why: expect.stringContaining('multicast/0-0 ended by itself') as string,
  })
  goOn.resolve(undefined)
  const who = { by: 'an operator', why: 'it was the wrong button' }
  await run.handle.executeUpdate(resumeUpdate, { args: [who] })
  expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: 3 } })
})
