// Which task queue the activities of a delivery wait in.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { pageWorkflowId } from '../../workflows/messages.ts'
import { deliveryQueue, partsQueue, warehouseQueue } from '../../workflows/queues.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

/** Types of the activities that a workflow has scheduled, by queue. */
async function scheduledBy(workflowId: string): Promise<(queue: string) => string[]> {
  const { events } = await env.client.workflow.getHandle(workflowId).fetchHistory()
  const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: activity }) =>
    activity ? [{ queue: activity.taskQueue?.name, type: activity.activityType?.name ?? '' }] : [],
  )
  return (queue) => [
    ...new Set(scheduled.flatMap((activity) => (activity.queue === queue ? [activity.type] : []))),
  ]
}

test('work that grows with the audience waits apart from the short steps of other deliveries', async () => {
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
  })
  await run.handle.result()
  const typesOn = await scheduledBy(run.handle.workflowId)
  const long = ['freezeAudience', 'reconcile', 'materialiseLog']
  expect(typesOn(warehouseQueue)).toEqual(long)
  for (const type of long) expect(typesOn(deliveryQueue)).not.toContain(type)
})

test('parts that wait for their turn in the warehouse hold up no step of others', async () => {
  await using run = await startDelivery(env, inject('bundlePath'), {
    pages: { multicast: 1, push: 0 },
    batchesPerPage: 1,
  })
  await run.handle.result()
  const deliveryId = run.handle.workflowId.replace('delivery/', '')
  const typesOn = await scheduledBy(pageWorkflowId(deliveryId, 'multicast', 0, 0))
  expect(typesOn(partsQueue)).toEqual(['recordPage'])
  expect(typesOn(deliveryQueue)).toEqual(['openPage'])
})
