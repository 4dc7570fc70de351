// What the API tells Temporal, with a deadline on every call and one answer for every way of being away.
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
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

/** Temporal, as the API needs it. Nothing here rejects because Temporal is away. */
export interface DeliveryWorkflows {
  /** Starts the workflow of a delivery, or finds it there. `away`: the worker's sweeper will start it. */
  start(
    delivery: Delivery,
    facts: { lineChannelId: string; summary: string },
  ): Promise<'told' | 'away'>
  tell(
    deliveryId: string,
    operation: Operation,
    request: OperatorRequest,
    withinMs: number,
  ): Promise<Told>
  /** Sets the server-side rate of a lane's queue, whose order follows from calls a second. */
  setLaneRate(lineChannelId: string, lane: Lane, callsPerSecond: number): Promise<'told' | 'away'>
  isUp(): Promise<boolean>
  close(): Promise<void>
}

const updates = { pause: pauseUpdate, resume: resumeUpdate, cancel: cancelUpdate }

/** An API process waits for Temporal no longer than this in what it answers at once. */
const callMs = 700
/** A start may take as long as the caller is glad to wait; after that the sweeper does it. */
const startMs = 2_000

// gRPC's codes: https://grpc.io/docs/guides/status-codes/
const deadlineExceeded = 4
const unavailable = 14

/** Whether an error of the SDK means that Temporal can't be reached; the only place that knows. */
function isTemporalAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (isGrpcServiceError(error)) return [unavailable, deadlineExceeded].includes(Number(error.code))
  return error.cause !== undefined && isTemporalAway(error.cause)
}

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

  return {
    start: (delivery, { lineChannelId, summary }) =>
      awayOr(async () => {
        const input: DeliverCampaignInput = {
          deliveryId: delivery.id,
          campaignId: delivery.campaignId,
          lineChannelId,
          priority: delivery.priority,
        }
        try {
          await within(startMs, () =>
            client.workflow.start(deliverCampaignType, {
              workflowId: deliveryWorkflowId(delivery.id),
              taskQueue: deliveryQueue,
              args: [input],
              workflowIdConflictPolicy: 'USE_EXISTING',
              workflowIdReusePolicy: 'REJECT_DUPLICATE',
              typedSearchAttributes: new TypedSearchAttributes([
                { key: campaignAttribute, value: delivery.campaignId },
                { key: channelAttribute, value: lineChannelId },
                { key: stateAttribute, value: 'starting' },
              ]),
              staticSummary: summaryOf(summary),
              priority: { priorityKey: delivery.priority },
            }),
          )
        } catch (error) {
          // It ran and has ended: the start that was asked for has been made.
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
        }
        return 'told' as const
      }),
    async tell(deliveryId, operation, request, withinMs) {
      const handle = client.workflow.getHandle(deliveryWorkflowId(deliveryId))
      // Asked at the same time, for a late update does not say whether Temporal or the workflow is silent.
      const isThere = answersWithin(withinMs)
      try {
        const answer = await within(withinMs, () =>
          handle.executeUpdate(updates[operation], { args: [request] }),
        )
        return { kind: 'told', answer }
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { kind: 'no-workflow' }
        if (error instanceof WorkflowUpdateFailedError) {
          return { kind: 'refused', reason: error.cause?.message ?? error.message }
        }
        if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
          return { kind: (await isThere) ? 'pending' : 'away' }
        }
        if (isTemporalAway(error)) return { kind: 'away' }
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
    isUp: () => answersWithin(callMs),
    close: () => connection.close(),
  }
}
