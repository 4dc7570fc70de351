// `deliverPage`: sends one page, with a small window of batches outstanding, and records its part.
import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow'
import { laterGate } from '../domain/delivery.ts'
import { operate, pages, parts, sender } from './activities.ts'
import {
  type DeliverPageInput,
  gateSignal,
  pageSaysWhenSent,
  type PageResult,
  sentSignal,
} from './messages.ts'

/** Waits of a batch whose lane has rate 0; the last is repeated. */
const stoppedWaitsMs = [2_000, 5_000, 15_000, 60_000]

/** Sends every batch of the page; holds while the gate is not open; ends early when it is cancelled. */
export async function deliverPage(input: DeliverPageInput): Promise<PageResult> {
  const { deliveryId, lane, round, pageNo } = input
  const key = { deliveryId, lane, round, pageNo }
  let gate = input.gate
  setHandler(gateSignal, (moved) => {
    gate = laterGate(gate, moved)
  })
  const { sendBatch } = sender(input.lineChannelId, lane)

  let left = input.carried?.batches
  if (!left) {
    const opened = await pages.openPage(key)
    gate = laterGate(gate, opened.gate)
    left = opened.batches
  }
  const queue = [...left]
  let unresolvedRequests = input.carried?.unresolvedRequests ?? 0

  // At rate 0 the lane's queue gives out nothing, so that nobody would tell a batch in it of the cancel.
  const sending = new CancellationScope()
  void CancellationScope.nonCancellable(() => condition(() => gate.position === 'cancelled')).then(
    () => {
      if (patched('cancel-ends-batches')) sending.cancel()
    },
  )

  /** Undefined where a cancel of the delivery has ended it: what it did not report, the ledger's closing settles. */
  async function unlessCancelled<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await sending.run(work)
    } catch (error) {
      if (gate.position === 'cancelled') return undefined
      throw error
    }
  }

  async function holdAt(held: typeof gate): Promise<void> {
    if (held.seq < gate.seq) return
    gate = held
    // The delivery may not have heard: the gate is moved in the store first, even while Temporal is away.
    const { parent } = workflowInfo()
    if (parent) {
      const known = await operate.readGate({ deliveryId })
      gate = laterGate(gate, known)
      await getExternalWorkflowHandle(parent.workflowId).signal(gateSignal, known)
    }
  }

  async function deliverBatch(batchNo: number): Promise<void> {
    for (let stops = 0; ;) {
      await condition(() => gate.position !== 'paused')
      if (gate.position === 'cancelled') return
      const result = await unlessCancelled(() =>
        sendBatch({ deliveryId, lineChannelId: input.lineChannelId, lane, batchNo, round }),
      )
      switch (result?.kind) {
        case undefined:
          return
        case 'finished':
          unresolvedRequests += result.unresolvedRequests
          return
        case 'held':
          await holdAt(result.gate)
          break
        case 'stopped':
          await unlessCancelled(() =>
            sleep(stoppedWaitsMs[Math.min(stops++, stoppedWaitsMs.length - 1)] ?? 0),
          )
          if (!workflowInfo().continueAsNewSuggested || !patched('stopped-continues-as-new')) break
          queue.unshift(batchNo)
          return
        case 'again':
          if (!workflowInfo().continueAsNewSuggested) break
          queue.unshift(batchNo)
          return
      }
    }
  }

  async function deliverNext(): Promise<void> {
    while (!workflowInfo().continueAsNewSuggested) {
      const batchNo = queue.shift()
      if (batchNo === undefined || gate.position === 'cancelled') return
      await deliverBatch(batchNo)
    }
  }

  await Promise.all(Array.from({ length: input.window }, deliverNext))
  if (queue.length > 0 && gate.position !== 'cancelled') {
    // A page at a very low rate is scheduled many times; see delivery-protocol 11.
    await condition(() => gate.position !== 'paused')
    await continueAsNew<typeof deliverPage>({
      ...input,
      gate,
      carried: { batches: queue, unresolvedRequests },
    })
  }
  const { parent } = workflowInfo()
  if (parent && gate.position !== 'cancelled' && patched(pageSaysWhenSent))
    void getExternalWorkflowHandle(parent.workflowId)
      .signal(sentSignal, { lane, round, pageNo })
      .catch(() => {
        // Whoever started this page has ended, and waits for nothing.
      })
  await parts.recordPage(key)
  return { unresolvedRequests }
}
