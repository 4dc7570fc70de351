// What a delivery does whose plan and outcomes do not agree.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { cancelUpdate } from '../../workflows/messages.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
/** Its waits take a hundredth of the time. */
let hurried: WorkflowBundle
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
  hurried = await bundleWorkflowCode({
    workflowsPath: new URL('../../workflows/index.ts', import.meta.url).pathname,
    workflowInterceptorModules: [new URL('model-timers.ts', import.meta.url).pathname],
  })
})
afterAll(() => env.teardown())

test('a cancelled delivery that does not add up is closed again before each look, after waits that grow', async () => {
  const done: string[] = []
  const goOn = Promise.withResolvers<undefined>()
  let going = 0
  await using run = await startDelivery(env, hurried, {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
    disagreements: 3,
    before(activity) {
      done.push(activity)
    },
    async onSend() {
      going += 1
      await goOn.promise
      return { kind: 'again' }
    },
  })
  await vi.waitFor(() => expect(going).toBe(1), { timeout: 60_000 })
  const who = { by: 'an operator', why: 'a test' }
  await run.handle.executeUpdate(cancelUpdate, { args: [who] })
  goOn.resolve(undefined)
  expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
  const look = ['closeLedger', 'reconcile']
  expect(done.slice(done.indexOf('closeLedger'))).toEqual([...look, ...look, ...look, ...look])

  const { events } = await run.handle.fetchHistory()
  const waits = events?.flatMap(({ timerStartedEventAttributes: timer }) =>
    timer ? [timer.startToFireTimeout] : [],
  )
  const waitsMs = waits?.map(
    (wait) => Number(wait?.seconds ?? 0) * 1_000 + (wait?.nanos ?? 0) / 1e6,
  )
  expect(waitsMs).toEqual([100, 200, 400])
})
