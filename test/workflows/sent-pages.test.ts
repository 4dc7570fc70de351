// Pages that are sent and wait for their parts to be written, as on BigQuery, which lets loads begin only now and then.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

const patience = { timeout: 60_000 }

test.each([
  // Three that send and sixteen that are sent; two and two.
  ['multicast', 19, { multicast: 30, push: 0 }],
  ['push', 4, { multicast: 0, push: 12 }],
] as const)(
  'of the %s lane hold no other page up, until %i are open',
  async (lane, mostOpen, pages) => {
    const waiting = new Set<string>()
    let most = 0
    const isFull = Promise.withResolvers<void>()
    await using run = await startDelivery(env, inject('bundlePath'), {
      pages,
      batchesPerPage: 2,
      async onRecord(page) {
        waiting.add(page)
        most = Math.max(most, waiting.size)
        if (waiting.size === mostOpen) isFull.resolve()
        await isFull.promise
        waiting.delete(page)
      },
    })
    expect(await run.handle.result()).toMatchObject({ state: 'done' })
    expect(most).toBe(mostOpen)
    expect(new Set(run.delivery.sent.map(({ batchNo }) => batchNo)).size).toBe(2 * pages[lane])
    expect(new Set(run.delivery.recordedPages).size).toBe(pages[lane])
  },
)

test('are waited for before a run continues as new, and before the account', async () => {
  const mayRecord = Promise.withResolvers<void>()
  await using run = await startDelivery(
    env,
    inject('bundlePath'),
    {
      pages: { multicast: 6, push: 0 },
      batchesPerPage: 2,
      onRecord: () => mayRecord.promise,
    },
    { pagesPerRun: 3 },
  )
  await vi.waitFor(() => expect(run.delivery.sent).toHaveLength(6), patience)
  const { runId } = await run.handle.describe()
  expect(run.delivery.phases).toEqual(['freezing', 'sending'])
  mayRecord.resolve()
  expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: 12 } })
  expect((await run.handle.describe()).runId).not.toBe(runId)
  expect(new Set(run.delivery.recordedPages).size).toBe(6)
})
