// A cancel ends what fails again and again before anything is sent.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { cancelUpdate } from '../../workflows/messages.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment

beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

test.each([
  ['freeze', 'freezeAudience'],
  ['look at the quota', 'checkQuota'],
  ['set-up of the queues', 'prepareQueues'],
] as const)('a cancel ends a %s that always fails', async (_name, failing) => {
  let tries = 0
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
    before(activity) {
      if (activity !== failing) return
      tries += 1
      throw new Error('What it needs is away.')
    },
  })
  await vi.waitFor(() => expect(tries).toBeGreaterThan(1), { timeout: 60_000 })
  const who = { by: 'an operator', why: 'the shop is closed' }
  const answer = await run.handle.executeUpdate(cancelUpdate, { args: [who] })
  expect(answer.state).toBe('cancelling')
  expect(await run.handle.result()).toEqual({ state: 'cancelled', account: null })
  expect(run.delivery.ended).toEqual({ state: 'cancelled', reason: who.why })
  expect(run.delivery.sent).toEqual([])
})
