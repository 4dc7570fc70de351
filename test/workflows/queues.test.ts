// Which task queue the activities of a delivery wait in.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { deliveryQueue, warehouseQueue } from '../../workflows/queues.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

test('work that grows with the audience waits apart from the short steps of other deliveries', async () => {
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
  })
  await run.handle.result()
  const { events } = await run.handle.fetchHistory()
  const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: activity }) =>
    activity ? [{ queue: activity.taskQueue?.name, type: activity.activityType?.name }] : [],
  )
  const typesOn = (queue: string) =>
    new Set(scheduled.flatMap((activity) => (activity.queue === queue ? [activity.type] : [])))
  const long = ['freezeAudience', 'reconcile', 'materialiseLog']
  expect([...typesOn(warehouseQueue)]).toEqual(long)
  for (const type of long) expect(typesOn(deliveryQueue)).not.toContain(type)
})
