// What Temporal Web says of a delivery in words, as its page there asks for it.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { type WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { cancelUpdate, pauseUpdate, resumeUpdate } from '../../workflows/messages.ts'
import { type FakeOptions } from './fake-activities.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

/**
 * Workflows that stay in memory, for a query is answered from there. Without them the SDK drops a workflow task that
 * comes while it replays for a query ("leftover buffered tasks when evicting run"), and Temporal gives it out again
 * after 10 s.
 */
const cachedWorkflows = 10

const who = { by: 'Mia', why: 'checking the link' }
const minute = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d UTC`

const start = (options: FakeOptions) =>
  startDelivery(env, inject('bundlePath'), options, {}, cachedWorkflows)

async function untilDetails(handle: WorkflowHandle, wanted: RegExp): Promise<string> {
  return vi.waitFor(
    async () => {
      const { currentDetails = '' } = await handle.query<{ currentDetails?: string }>(
        '__temporal_workflow_metadata',
      )
      expect(currentDetails).toMatch(wanted)
      return currentDetails
    },
    { timeout: 60_000, interval: 100 },
  )
}

test('a pause is named with who, why and since when, and its end puts the former words back', async () => {
  let release = () => {}
  const mayGoOn = new Promise<void>((resolve) => (release = resolve))
  await using run = await start({
    pages: { multicast: 2, push: 0 },
    batchesPerPage: 8,
    onSend: async (_input, n) => {
      if (n === 5) await mayGoOn
      return undefined
    },
  })
  await untilDetails(run.handle, new RegExp(`^\\*\\*sending, since ${minute}\\*\\*`))
  await run.handle.executeUpdate(pauseUpdate, { args: [who] })
  await untilDetails(
    run.handle,
    new RegExp(`^\\*\\*paused by Mia since ${minute}: checking the link \\(sending\\)\\*\\*`),
  )
  await run.handle.executeUpdate(resumeUpdate, { args: [who] })
  // Before the batch that is held may go on, for without it the delivery would come to its end.
  await untilDetails(run.handle, new RegExp(`^\\*\\*sending, since ${minute}\\*\\*`))
  release()
  await run.handle.result()
})

test('a wait between rounds is named with the round, its time and how much is left', async () => {
  await using run = await start({
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 4,
    unresolvedInRoundZero: 3,
    roundDelayMs: 3_600_000,
  })
  const details = await untilDetails(
    run.handle,
    new RegExp(
      `^\\*\\*waits for round 1 at ${minute}: 3 batches have somebody without an outcome, since ${minute}\\*\\*`,
    ),
  )
  expect(details).toContain('| multicast | 1 | 1 |')
  await run.handle.executeUpdate(cancelUpdate, { args: [who] })
  await run.handle.result()
})

test('a delivery that has ended is said to have, with its account', async () => {
  await using run = await start({ pages: { multicast: 1, push: 0 }, batchesPerPage: 1 })
  const { state, account } = await run.handle.result()
  const details = await untilDetails(
    run.handle,
    new RegExp(`^\\*\\*${state}, since ${minute}\\*\\*`),
  )
  expect(account).not.toBeNull()
  expect(details).toContain(`| planned | ${account?.planned} |`)
  expect(details).not.toContain('comparing')
})

test('a delivery that ended before it sent says why', async () => {
  await using run = await start({
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
    refuseFreeze: 'The segment is empty.',
  })
  await run.handle.result()
  const details = await untilDetails(run.handle, /^\*\*failed before send, since/)
  expect(details).toContain('The segment is empty.')
  expect(details).toContain('Nothing was sent.')
})
