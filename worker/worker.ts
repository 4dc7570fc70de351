// Composes a worker: workflows and short activities on the delivery queue, long ones on two of their own, sending on every lane's.
import { Client, type Connection } from '@temporalio/client'
import { type NativeConnection, Worker } from '@temporalio/worker'
import { type Logger } from 'pino'
import { createCloseActivities } from '../activities/close-account.ts'
import { createFreezeActivities } from '../activities/freeze-audience.ts'
import { createOperateActivities } from '../activities/operate.ts'
import { createPageActivities } from '../activities/pages.ts'
import { type CompileTemplate } from '../activities/ports.ts'
import { createSendActivities } from '../activities/send-batch.ts'
import { type LinePort } from '../line/port.ts'
import { retryKey } from '../line/retry-key.ts'
import { type Store } from '../store/store.ts'
import { type Warehouse } from '../warehouse/port.ts'
import { deliveryQueue, partsQueue, warehouseQueue } from '../workflows/queues.ts'
import { startLaneWorkers } from './lane-workers.ts'
import { createQueueRates } from './queue-rates.ts'
import { ensureSearchAttributes } from './search-attributes.ts'
import { type KeepDays, startRetention } from './retention.ts'
import { startSweeper } from './sweeper.ts'

export interface WorkerDeps {
  store: Store
  warehouse: Warehouse
  line: LinePort
  compileTemplate: CompileTemplate
  connection: Connection
  nativeConnection: NativeConnection
  namespace: string
  /** Path of the workflow bundle. */
  bundlePath: string
  log: Logger
  now: () => number
  mergeEveryMs: number
  roundDelaysMs: readonly number[]
  /** Longest wait at shutdown for batches under way; longer than one LINE call. */
  graceMs: number
  keepDays: KeepDays
  onFatal: (error: Error) => void
}

export interface RunningWorker {
  /** Starts no new call, waits for those under way, records them, and leaves the rest to the next worker. */
  shutdown(): Promise<void>
}

/** Freezing, recording and reconciling are begun again by the next worker: they are not waited for long. */
const sharedGraceMs = 2_000

/** Long activities at once; most of them wait for their turn in the warehouse, a few for PostgreSQL or calls to end. */
const warehouseWorkAtOnce = 8

/** Parts at once: each has up to 100,000 outcomes in memory, some 40 MB, until BigQuery has taken them. */
const partsAtOnce = 12

/** Workflows kept in memory; one more costs a replay of 600-1,200 events when it is next needed. */
const cachedWorkflows = 100

export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { store, namespace, nativeConnection: connection, log } = deps
  await ensureSearchAttributes(deps.connection, namespace)
  const client = new Client({ connection: deps.connection, namespace })
  const queueRates = createQueueRates(client)
  const draining = new AbortController()
  const activityDeps = { ...deps, queueRates, retryKey, draining: draining.signal }

  const pageActivities = createPageActivities(activityDeps)
  const warehouseWork = {
    ...createFreezeActivities(activityDeps),
    ...createCloseActivities(activityDeps),
  }
  const shared = {
    connection,
    namespace,
    shutdownGraceTime: sharedGraceMs,
    shutdownForceTime: 2 * sharedGraceMs,
  }
  const deliveryWorker = await Worker.create({
    ...shared,
    taskQueue: deliveryQueue,
    workflowBundle: { codePath: deps.bundlePath },
    activities: {
      // Of these, some were scheduled here before there was a queue for them.
      ...warehouseWork,
      ...createOperateActivities(activityDeps),
      ...pageActivities,
    },
    maxCachedWorkflows: cachedWorkflows,
    maxConcurrentActivityTaskExecutions: 20,
    // An eager activity would skip the queue, and with it the queue's rate.
    maxEagerActivityReservationsPerWorkflowTask: 0,
    // What a killed worker's sticky queue costs every workflow it held; the default is 10 s.
    stickyQueueScheduleToStartTimeout: '3s',
  })
  const warehouseWorker = await Worker.create({
    ...shared,
    taskQueue: warehouseQueue,
    activities: warehouseWork,
    maxConcurrentActivityTaskExecutions: warehouseWorkAtOnce,
  })
  const partsWorker = await Worker.create({
    ...shared,
    taskQueue: partsQueue,
    activities: { recordPage: pageActivities.recordPage },
    maxConcurrentActivityTaskExecutions: partsAtOnce,
  })
  const workers = [deliveryWorker, warehouseWorker, partsWorker]
  const running = workers.map((worker) =>
    worker.run().catch((error: unknown) => {
      deps.onFatal(error instanceof Error ? error : new Error(String(error)))
    }),
  )
  const laneWorkers = startLaneWorkers({
    connection,
    namespace,
    activities: createSendActivities(activityDeps),
    channels: store.channels,
    queueRates,
    log,
    graceMs: deps.graceMs,
    onFatal: deps.onFatal,
  })
  await laneWorkers.ready
  const sweeper = startSweeper({ ...store, client, now: deps.now, log })
  const retention = startRetention({ ...deps, retention: store.retention })

  return {
    async shutdown() {
      draining.abort()
      // Lanes first: what their batches report is still worked on by this worker's workflows.
      await laneWorkers.shutdown()
      await sweeper.stop()
      await retention.stop()
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
      await Promise.all(running)
    },
  }
}
