// Sets the server-side rates of the lanes' task queues, which no stray worker can lift.
import { setTimeout as sleep } from 'node:timers/promises'
import proto from '@temporalio/proto'
import { type Client } from '@temporalio/client'
import { type Lane, lanes } from '../domain/lane.ts'
import { type QueueRates } from '../activities/ports.ts'
import { laneQueue, queueBatchesPerSecond } from '../workflows/queues.ts'

/** The server takes a moment to hand a new rate to the queue's partition. */
const lookEveryMs = 100
const shownWithinLooks = 50

const activityQueue = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY

/** Sets rates through Temporal's API: the value set there overrides what any poller asks for. */
export function createQueueRates(client: Client): QueueRates {
  const { workflowService } = client.connection
  const { namespace } = client.options

  async function shownRate(taskQueue: string): Promise<number | undefined> {
    const { config } = await workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: activityQueue,
      reportConfig: true,
    })
    return config?.queueRateLimit?.rateLimit?.requestsPerSecond ?? undefined
  }

  async function setLane(lineChannelId: string, lane: Lane, callsPerSecond: number) {
    const taskQueue = laneQueue(lineChannelId, lane)
    const requestsPerSecond = queueBatchesPerSecond(lane, callsPerSecond)
    const isShown = (rate: number | undefined) =>
      rate !== undefined && Math.abs(rate - requestsPerSecond) < 1e-3
    if (isShown(await shownRate(taskQueue))) return
    await workflowService.updateTaskQueueConfig({
      namespace,
      identity: 'lfm',
      taskQueue,
      taskQueueType: activityQueue,
      updateQueueRateLimit: {
        rateLimit: { requestsPerSecond },
        reason: `lfm: ${callsPerSecond} ${lane} calls a second`,
      },
    })
    for (let look = 0; look < shownWithinLooks; look++) {
      if (isShown(await shownRate(taskQueue))) return
      await sleep(lookEveryMs)
    }
    // A page must not start before the guard stands; the caller tries again.
    throw new Error(`Task queue ${taskQueue} does not show its rate of ${requestsPerSecond}/s.`)
  }

  return {
    async set(lineChannelId, callsPerSecond) {
      for (const lane of lanes) await setLane(lineChannelId, lane, callsPerSecond[lane])
    },
  }
}
