// A real Temporal dev server for a test file, and workers on it that replay at every step.
import { setTimeout as sleep } from 'node:timers/promises'
import proto from '@temporalio/proto'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker, type WorkflowBundle } from '@temporalio/worker'
import { type Lane, lanes } from '../../domain/lane.ts'
import {
  deliveryWorkflowId,
  deliverCampaignType,
  type DeliverCampaignInput,
  pageWorkflowId,
} from '../../workflows/messages.ts'
import { deliveryQueue, laneQueue, partsQueue, warehouseQueue } from '../../workflows/queues.ts'
import { type deliverCampaign } from '../../workflows/deliver-campaign.ts'
import { createFakeActivities, type FakeOptions } from './fake-activities.ts'

/** LINE channel id of the deliveries of these tests. */
export const lineChannelId = '1650000001'

/** The SDK gives a server five seconds to start: too few where the CLI is read for the first time on a busy machine. */
const startsTried = 6

export async function startTemporal(temporalCli: string): Promise<TestWorkflowEnvironment> {
  for (let tries = 1; ; tries++) {
    try {
      return await startLocal(temporalCli)
    } catch (error) {
      if (tries === startsTried || !/did not start within/.test(String(error))) throw error
    }
  }
}

function startLocal(temporalCli: string): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: temporalCli },
      extraArgs: [
        ...['LfmCampaign', 'LfmChannel', 'LfmState'].flatMap((name) => [
          '--search-attribute',
          `${name}=Keyword`,
        ]),
        '--log-level',
        'never',
      ],
    },
  })
}

const { WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND: unhandledCommand } =
  proto.temporal.api.enums.v1.WorkflowTaskFailedCause

/**
 * Whether a workflow task failed only to be done again, because something came in while it was done: with a failure or,
 * mostly, without.
 */
export const isDoneAgain = (task: { cause?: unknown }) => task.cause === unhandledCommand

/** Of Temporal's TaskQueueType. */
const activityQueue = 2

/** Sets the batches a second that the queue of a lane gives out; 0 stops it. Resolves when the queue keeps to it. */
export async function setQueueRate(
  env: TestWorkflowEnvironment,
  { lineChannelId, lane }: { lineChannelId: string; lane: Lane },
  requestsPerSecond: number,
): Promise<void> {
  const { workflowService } = env.client.connection
  const { namespace } = env.client.options
  const taskQueue = laneQueue(lineChannelId, lane)
  await workflowService.updateTaskQueueConfig({
    namespace,
    identity: 'a test',
    taskQueue,
    taskQueueType: activityQueue,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond }, reason: 'a test' },
  })
  for (;;) {
    const { config } = await workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: activityQueue,
      reportConfig: true,
    })
    const shown = config?.queueRateLimit
    // Of a rate of 0 the server may leave the number out.
    const rate = shown?.rateLimit?.requestsPerSecond ?? 0
    if (shown?.metadata?.reason === 'a test' && rate === requestsPerSecond) return
    await sleep(20)
  }
}

/** Activities of a page of round 0 that no worker has taken. */
export async function waitingBatches(
  env: TestWorkflowEnvironment,
  deliveryWorkflow: string,
): Promise<number> {
  const deliveryId = deliveryWorkflow.replace('delivery/', '')
  const page = env.client.workflow.getHandle(pageWorkflowId(deliveryId, 'multicast', 0, 0))
  const { raw } = await page.describe()
  return (raw.pendingActivities ?? []).filter(({ lastStartedTime }) => !lastStartedTime).length
}

/**
 * Of a worker whose activities are held up: each heartbeat is passed on. By default the SDK passes one on after four of
 * the five seconds that a send has, which leaves a busy machine one.
 */
export const heartbeatsAtOnce = { maxHeartbeatThrottleInterval: 500 }

/** Starts workers with fake activities and a delivery on them. */
export async function startDelivery(
  env: TestWorkflowEnvironment,
  /** Or the path of one. */
  bundle: WorkflowBundle | string,
  options: FakeOptions,
  input: Partial<DeliverCampaignInput> = {},
  /** By default every workflow task replays from the start, so nothing rests on what a worker has in memory. */
  maxCachedWorkflows = 0,
) {
  const deliveryId = crypto.randomUUID()
  const { activities, delivery } = createFakeActivities(options)
  // Lane queues are named by channel: one for each delivery, so that no test serves another's batches.
  const channel = `${lineChannelId}${Math.floor(Math.random() * 1e9)}`
  const base = { connection: env.nativeConnection, shutdownGraceTime: 1_000, ...heartbeatsAtOnce }
  const workers = await Promise.all([
    Worker.create({
      ...base,
      taskQueue: deliveryQueue,
      workflowBundle: typeof bundle === 'string' ? { codePath: bundle } : bundle,
      activities,
      maxCachedWorkflows,
    }),
    ...[warehouseQueue, partsQueue, ...lanes.map((lane) => laneQueue(channel, lane))].map(
      (taskQueue) => Worker.create({ ...base, taskQueue, activities }),
    ),
  ])
  const [workflowsRun, ...sendsRun] = workers.map((worker) => worker.run())
  const running = Promise.all([workflowsRun, ...sendsRun])
  const handle = await env.client.workflow.start<typeof deliverCampaign>(deliverCampaignType, {
    workflowId: deliveryWorkflowId(deliveryId),
    taskQueue: deliveryQueue,
    args: [{ deliveryId, campaignId: 'c', lineChannelId: channel, priority: 3, ...input }],
  })
  return {
    handle,
    delivery,
    activities,
    /** Ends the worker of the workflows, as a deploy does; those that send go on. */
    async stopWorkflowWorker() {
      workers[0].shutdown()
      await workflowsRun
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
      await running
    },
  }
}
