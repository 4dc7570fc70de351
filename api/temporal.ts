// What the API tells Temporal, with a deadline on every call and one answer for every way of being away.
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowOptions,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client'
import { TypedSearchAttributes, WorkflowNotFoundError } from '@temporalio/common'
import { type Lane } from '../domain/lane.ts'
import { type Delivery } from '../store/delivery-row.ts'
import {
  campaignAttribute,
  cancelUpdate,
  channelAttribute,
  type DeliverCampaignInput,
  deliverCampaignType,
  deliveryWorkflowId,
  type OperatorAnswer,
  type OperatorRequest,
  pauseUpdate,
  resumeUpdate,
  stateAttribute,
} from '../workflows/messages.ts'
import { giveOrder, isTemporalAway, isTemporalBusy } from './give-order.ts'
import { deliveryQueue, laneQueue, queueBatchesPerSecond } from '../workflows/queues.ts'

export type Operation = 'pause' | 'resume' | 'cancel'

/** What telling a workflow came to. */
export type Told =
  | { kind: 'told'; answer: OperatorAnswer }
  /** Temporal took it, but the workflow has not answered in the time given. */
  | { kind: 'pending' }
  /** Temporal can't be reached. */
  | { kind: 'away' }
  /** Temporal has no open workflow of this delivery. */
  | { kind: 'no-workflow' }
  | { kind: 'refused'; reason: string }

/** What Temporal knows of a task queue. */
export interface QueueSight {
  /** Time since a worker last asked for work; null where none has for minutes. */
  lastPollAgoMs: number | null
  /** Tasks that wait there, by Temporal's estimate. */
  backlog: number
}

/** Temporal, as the API needs it. Nothing here rejects because Temporal is away. */
export interface DeliveryWorkflows {
  /** Starts the workflow of a delivery, or finds it there. `away`: the worker's sweeper will start it. */
  start(
    delivery: Delivery,
    facts: { lineChannelId: string; summary: string },
  ): Promise<'told' | 'away'>
  /** Starts a workflow that goes on from the store, unless one runs; of a restored delivery what runs is ended first. */
  beginAgain(
    delivery: Delivery,
    facts: { lineChannelId: string; summary: string },
  ): Promise<'begun' | 'running' | 'away'>
  tell(
    deliveryId: string,
    operation: Operation,
    request: OperatorRequest,
    withinMs: number,
  ): Promise<Told>
  /** Sets the server-side rate of a lane's queue, whose order follows from calls a second. */
  setLaneRate(lineChannelId: string, lane: Lane, callsPerSecond: number): Promise<'told' | 'away'>
  /** How a task queue is served. */
  queueSight(name: string, type: 'workflow' | 'activity'): Promise<QueueSight | 'away'>
  /** What the activities of a delivery and of its pages that are being tried again last failed with, without user ids. */
  failures(deliveryId: string): Promise<string[] | 'away'>
  isUp(): Promise<boolean>
  close(): Promise<void>
}

const updates = { pause: pauseUpdate, resume: resumeUpdate, cancel: cancelUpdate }

/** An API process waits for Temporal no longer than this in what it answers at once. */
const callMs = 700
/** A start may take as long as the caller is glad to wait; after that the sweeper does it. */
const startMs = 2_000

/** At most 400 bytes of UTF-8 (Temporal's limit of a summary), cut between characters. */
function summaryOf(text: string): string {
  let cut = ''
  let bytes = 0
  for (const char of text) {
    bytes += Buffer.byteLength(char)
    if (bytes > 400) return cut
    cut += char
  }
  return cut
}

/** Of Temporal's TaskQueueType. */
const queueTypes = { workflow: 1, activity: 2 } as const

/** Pages whose activities are looked at where a delivery comes no further; no more are open at once. */
const pagesLookedAt = 5

/** The first line of a failure; a user id that an engine has put into it is taken out. */
function withoutUserIds(message: string): string {
  const [line = ''] = message.split('\n')
  return line.replaceAll(/U[0-9a-f]{32}/g, 'U…').slice(0, 300)
}

/** @param options.connection of config/; nothing is connected before the first call. */
export function createDeliveryWorkflows(options: {
  connection: ConnectionOptions
  namespace: string
  identity: string
}): DeliveryWorkflows {
  const { namespace, identity } = options
  const connection = Connection.lazy({
    ...options.connection,
    // The SDK's ten tries would hide for half a minute that nobody is there.
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 2 }))],
    // A Temporal that comes back is found within a second, not after gRPC's two minutes.
    channelArgs: {
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.initial_reconnect_backoff_ms': 200,
    },
  })
  const client = new Client({ connection, namespace, identity })
  const within = <T>(ms: number, call: () => Promise<T>) =>
    client.withDeadline(Date.now() + ms, call)
  const answersWithin = (ms: number) =>
    within(ms, () => connection.workflowService.getSystemInfo({})).then(
      () => true,
      () => false,
    )

  async function awayOr<T>(call: () => Promise<T>): Promise<T | 'away'> {
    try {
      return await call()
    } catch (error) {
      if (isTemporalAway(error)) return 'away'
      throw error
    }
  }

  async function startWorkflow(
    delivery: Delivery,
    { lineChannelId, summary }: { lineChannelId: string; summary: string },
    how: Pick<WorkflowOptions, 'workflowIdConflictPolicy' | 'workflowIdReusePolicy'> & {
      isRecovered?: boolean
    },
  ): Promise<void> {
    const { isRecovered, ...policies } = how
    const input: DeliverCampaignInput = {
      deliveryId: delivery.id,
      campaignId: delivery.campaignId,
      lineChannelId,
      priority: delivery.priority,
      ...(isRecovered && { isRecovered }),
    }
    await within(startMs, () =>
      client.workflow.start(deliverCampaignType, {
        ...policies,
        workflowId: deliveryWorkflowId(delivery.id),
        taskQueue: deliveryQueue,
        args: [input],
        typedSearchAttributes: new TypedSearchAttributes([
          { key: campaignAttribute, value: delivery.campaignId },
          { key: channelAttribute, value: lineChannelId },
          { key: stateAttribute, value: 'starting' },
        ]),
        staticSummary: summaryOf(summary),
        priority: { priorityKey: delivery.priority },
      }),
    )
  }

  return {
    start: (delivery, facts) =>
      awayOr(async () => {
        try {
          await startWorkflow(delivery, facts, {
            workflowIdConflictPolicy: 'USE_EXISTING',
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
          })
        } catch (error) {
          // It ran and has ended: the start that was asked for has been made.
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
        }
        return 'told' as const
      }),
    beginAgain: (delivery, facts) =>
      awayOr(async () => {
        try {
          await startWorkflow(delivery, facts, {
            isRecovered: true,
            workflowIdConflictPolicy: delivery.restoredAt === null ? 'FAIL' : 'TERMINATE_EXISTING',
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          })
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return 'running' as const
          throw error
        }
        return 'begun' as const
      }),
    async tell(deliveryId, operation, request, withinMs) {
      const handle = client.workflow.getHandle(deliveryWorkflowId(deliveryId))
      // Asked at the same time, for a late update does not say whether Temporal or the workflow is silent.
      const isThere = answersWithin(withinMs)
      try {
        const answer = await giveOrder(withinMs, {
          give: (ms) =>
            within(ms, () => handle.executeUpdate(updates[operation], { args: [request] })),
          isRunning: async () =>
            (await within(callMs, () => handle.describe())).status.name === 'RUNNING',
          answersWithin,
        })
        return { kind: 'told', answer }
      } catch (error) {
        if (isTemporalBusy(error)) return { kind: 'pending' }
        if (error instanceof WorkflowNotFoundError) return { kind: 'no-workflow' }
        if (error instanceof WorkflowUpdateFailedError) {
          return { kind: 'refused', reason: error.cause?.message ?? error.message }
        }
        const isLate = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError
        if (isLate || isTemporalAway(error)) return { kind: (await isThere) ? 'pending' : 'away' }
        throw error
      }
    },
    setLaneRate: (lineChannelId, lane, callsPerSecond) =>
      awayOr(async () => {
        await within(callMs, () =>
          connection.workflowService.updateTaskQueueConfig({
            namespace,
            identity,
            taskQueue: laneQueue(lineChannelId, lane),
            taskQueueType: 2, // activity
            updateQueueRateLimit: {
              rateLimit: { requestsPerSecond: queueBatchesPerSecond(lane, callsPerSecond) },
              reason: `lfm: rate set to ${callsPerSecond} calls/s`,
            },
          }),
        )
        return 'told' as const
      }),
    queueSight: (name, type) =>
      awayOr(async () => {
        const { pollers, stats } = await within(callMs, () =>
          connection.workflowService.describeTaskQueue({
            namespace,
            taskQueue: { name },
            taskQueueType: queueTypes[type],
            reportPollers: true,
            reportStats: true,
          }),
        )
        const polls = pollers.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0))
        return {
          lastPollAgoMs: polls.length > 0 ? Date.now() - Math.max(...polls) * 1_000 : null,
          backlog: Number(stats?.approximateBacklogCount ?? 0),
        }
      }),
    failures: (deliveryId) =>
      awayOr(async () => {
        const look = (workflowId: string) =>
          within(callMs, () => client.workflow.getHandle(workflowId).describe())
        const { raw } = await look(deliveryWorkflowId(deliveryId))
        const children = (raw.pendingChildren ?? []).slice(0, pagesLookedAt)
        const pages = await Promise.all(children.map((child) => look(child.workflowId ?? '')))
        return [raw, ...pages.map((page) => page.raw)]
          .flatMap(({ pendingActivities }) => pendingActivities ?? [])
          .flatMap(({ activityType, lastFailure }) =>
            lastFailure?.message
              ? [`${activityType?.name ?? ''}, which fails: ${withoutUserIds(lastFailure.message)}`]
              : [],
          )
      }),
    isUp: () => answersWithin(callMs),
    close: () => connection.close(),
  }
}
