// A delivery on a real Temporal whose activities wait until the test says how they end.
import { activityInfo, Context } from '@temporalio/activity'
import { type History, historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker, type WorkflowBundle } from '@temporalio/worker'
import { type Gate } from '../../domain/delivery.ts'
import { type Lane, lanes } from '../../domain/lane.ts'
import { emptyAccount } from '../../domain/outcome.ts'
import { type deliverCampaign } from '../../workflows/deliver-campaign.ts'
import {
  deliverCampaignType,
  deliveryWorkflowId,
  pageWorkflowId,
} from '../../workflows/messages.ts'
import { deliveryQueue, laneQueue, partsQueue, warehouseQueue } from '../../workflows/queues.ts'
import { type ModelAnswer, type ModelPlan, sendName } from './delivery-model.ts'
import { createFakeActivities } from './fake-activities.ts'
import { heartbeatsAtOnce, isDoneAgain, lineChannelId } from './temporal-server.ts'

const beatEveryMs = 1_000
const interrupted = 'The attempt was interrupted.'

/** An activity that waits for its answer. */
interface Waiting {
  answer(how: ModelAnswer): void
  interrupt(): void
}

export type ModelRun = Awaited<ReturnType<typeof startModelRun>>

/** Starts workers and a delivery of the plan, whose gate in the store may have been moved before. */
export async function startModelRun(
  env: TestWorkflowEnvironment,
  workflowBundle: WorkflowBundle,
  plan: ModelPlan,
  gate: Gate,
) {
  const { pages, batchesPerPage, pagesPerRun } = plan
  const deliveryId = crypto.randomUUID()
  const channel = `${lineChannelId}${Math.floor(Math.random() * 1e9)}`
  const fake = createFakeActivities({ pages, batchesPerPage })
  const { delivery } = fake
  delivery.gate = gate
  const planned = (pages.multicast + pages.push) * batchesPerPage

  const underWay = new Map<string, Waiting>()
  const done = new Set<string>()
  const unresolved = new Set<string>()
  const sentInRound = new Set<string>()
  const batchesOf = (lane: Lane) =>
    Array.from({ length: pages[lane] * batchesPerPage }, (_, i) => i)
  let batches = { multicast: batchesOf('multicast'), push: batchesOf('push') }
  let sends = 0

  /** Waits for the test, unless the worker stops or nobody wants the activity any more. */
  async function waitFor(name: string): Promise<ModelAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ModelAnswer>()
    const waiting: Waiting = {
      answer: resolve,
      interrupt: () => reject(new Error(interrupted)),
    }
    underWay.set(name, waiting)
    const context = Context.current()
    const beat = setInterval(() => context.heartbeat(), beatEveryMs)
    context.cancellationSignal.addEventListener('abort', () => waiting.interrupt())
    try {
      const how = await promise
      if (how === 'fails') throw new Error('The attempt fails.')
      return how
    } finally {
      clearInterval(beat)
      if (underWay.get(name) === waiting) underWay.delete(name)
    }
  }

  const activities: typeof fake.activities = {
    ...fake.activities,
    async freezeAudience() {
      if ((await waitFor('freezeAudience')) === 'badly')
        return { kind: 'refused', why: 'The segment has no rows.' }
      const requests = { multicast: planned, push: 0 }
      return { kind: 'frozen', planned, requests, recipients: requests }
    },
    checkQuota: async () => ((await waitFor('checkQuota')) === 'badly' ? 'No room.' : null),
    async sendBatch({ lane, batchNo, round }) {
      if (activityInfo().attempt === 1) sends += 1
      if (delivery.gate.position !== 'open') return { kind: 'held', gate: delivery.gate }
      const batch = `${lane}/${batchNo}`
      if (!sentInRound.has(batch)) {
        const how = await waitFor(sendName(lane, round, batchNo))
        if (how === 'held') return { kind: 'held', gate: delivery.gate }
        if (how === 'again' || how === 'stopped') return { kind: how }
        sentInRound.add(batch)
        if (how === 'unresolved') unresolved.add(batch)
        else {
          unresolved.delete(batch)
          done.add(batch)
        }
      }
      return {
        kind: 'finished',
        finalRecipients: 1,
        unresolvedRequests: unresolved.has(batch) ? 1 : 0,
      }
    },
    async openPage({ lane, pageNo }) {
      const first = pageNo * batchesPerPage
      return { batches: batches[lane].slice(first, first + batchesPerPage), gate: delivery.gate }
    },
    async planRound() {
      const how = await waitFor('planRound')
      const left = (lane: Lane) =>
        [...unresolved]
          .filter((name) => name.startsWith(lane))
          .map((name) => Number(name.split('/')[1]))
          .sort((a, b) => a - b)
      batches = { multicast: left('multicast'), push: left('push') }
      sentInRound.clear()
      return { batches: unresolved.size, delayMs: how === 'late' ? 3_600_000 : 100 }
    },
    countPages: async () => ({
      multicast: Math.ceil(batches.multicast.length / batchesPerPage),
      push: Math.ceil(batches.push.length / batchesPerPage),
    }),
    async reconcile() {
      if ((await waitFor('reconcile')) === 'badly') return { kind: 'differs', why: 'Unequal.' }
      return { kind: 'exact', account: { ...emptyAccount, planned, accepted: done.size } }
    },
  }

  const base = { connection: env.nativeConnection, ...heartbeatsAtOnce }
  const startWorkers = {
    delivery: async () => [
      await Worker.create({
        ...base,
        taskQueue: deliveryQueue,
        workflowBundle,
        activities,
        // Every workflow task replays from the start, so nothing rests on what a worker has in memory.
        maxCachedWorkflows: 0,
      }),
      await Worker.create({ ...base, taskQueue: warehouseQueue, activities }),
      await Worker.create({ ...base, taskQueue: partsQueue, activities }),
    ],
    lanes: () =>
      Promise.all(
        lanes.map((lane) =>
          Worker.create({ ...base, taskQueue: laneQueue(channel, lane), activities }),
        ),
      ),
  }
  const stops = { delivery: async () => {}, lanes: async () => {} }
  async function startOf(which: keyof typeof startWorkers): Promise<void> {
    const workers = await startWorkers[which]()
    const running = Promise.all(workers.map((worker) => worker.run()))
    stops[which] = async () => {
      for (const worker of workers) worker.shutdown()
      await running
    }
  }
  await Promise.all([startOf('delivery'), startOf('lanes')])

  const handle = await env.client.workflow.start<typeof deliverCampaign>(deliverCampaignType, {
    workflowId: deliveryWorkflowId(deliveryId),
    taskQueue: deliveryQueue,
    args: [{ deliveryId, campaignId: 'c', lineChannelId: channel, priority: 3, pagesPerRun }],
  })

  /** Histories of all runs of a workflow, oldest first. */
  async function historiesOf(workflowId: string, firstRunId: string) {
    const histories = []
    for (let runId: string | null | undefined = firstRunId; runId;) {
      const history: History = await env.client.workflow.getHandle(workflowId, runId).fetchHistory()
      const events = history.events ?? []
      histories.push(events)
      runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId
    }
    return histories
  }

  return {
    handle,
    delivery,
    done,
    unresolved,
    /** Names of activities that wait. */
    underWay: () => [...underWay.keys()].sort(),
    /** sendBatch activities that began, without those that Temporal tried again. */
    sends: () => sends,
    answer: (name: string, how: ModelAnswer) => underWay.get(name)?.answer(how),
    /** Workers end, with all that they had in memory; `meanwhile` happens before there are others. */
    async kill(which: keyof typeof stops, meanwhile: () => Promise<void> | void = () => {}) {
      await stops[which]()
      await meanwhile()
      await startOf(which)
    },
    async terminatePage(lane: Lane, round: number, pageNo: number, batchNos: Iterable<number>) {
      await env.client.workflow
        .getHandle(pageWorkflowId(deliveryId, lane, round, pageNo))
        .terminate('a test')
      for (const batchNo of batchNos) underWay.get(sendName(lane, round, batchNo))?.interrupt()
    },
    cancelPage: (lane: Lane, round: number, pageNo: number) =>
      env.client.workflow.getHandle(pageWorkflowId(deliveryId, lane, round, pageNo)).cancel(),
    async shown() {
      return (await handle.describe()).searchAttributes.LfmState?.[0]
    },
    /** How many runs the delivery took, and the workflow tasks that failed in them and in their pages. */
    async lookBack() {
      const { raw } = await handle.describe()
      const runs = await historiesOf(handle.workflowId, raw.workflowExecutionInfo?.firstRunId ?? '')
      const pagesStarted = runs.flat().flatMap((event) => {
        const { workflowExecution } = event.childWorkflowExecutionStartedEventAttributes ?? {}
        return workflowExecution ? [workflowExecution] : []
      })
      const ofPages = await Promise.all(
        pagesStarted.map((page) => historiesOf(page.workflowId ?? '', page.runId ?? '')),
      )
      const failedTasks = [...runs, ...ofPages.flat()].flatMap((events) =>
        events.flatMap((event) => event.workflowTaskFailedEventAttributes ?? []),
      )
      return {
        runs: runs.length,
        failedTasks: failedTasks
          .filter((task) => !isDoneAgain(task))
          .flatMap((task) => task.failure ?? []),
      }
    },
    /** The history of the present run, to look at when something is wrong. */
    history: async () => historyToJSON(await handle.fetchHistory()),
    async [Symbol.asyncDispose]() {
      await handle.terminate().catch(() => undefined)
      for (const waiting of underWay.values()) waiting.interrupt()
      await Promise.all([stops.delivery(), stops.lanes()])
    },
  }
}
