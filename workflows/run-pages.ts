// Keeps a few pages of one lane going at once, so that the lane's queue is never empty between two.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import {
  ChildWorkflowFailure,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  sleep,
  startChild,
} from '@temporalio/workflow'
import { type Lane } from '../domain/lane.ts'
import { deliverPage } from './deliver-page.ts'
import { type DeliveryGate } from './delivery-gate.ts'
import { type DeliverCampaignInput, pageWorkflowId, type PageResult } from './messages.ts'

/**
 * Pages at once, and batches outstanding in each. Together at most 3 s of LINE's rate on the lane
 * (delivery-protocol 6): 30 multicast batches, 12 push batches; more would only lengthen a drain.
 */
const outstanding: Readonly<Record<Lane, { pages: number; window: number }>> = {
  multicast: { pages: 3, window: 10 },
  push: { pages: 2, window: 6 },
}

/** Time for a page of an earlier run to end, before another look. */
const strayMs = 1_000

/** Runs pages until `nextPage` gives no more, and resolves when all of them have ended. */
export async function runPages(options: {
  input: DeliverCampaignInput
  gate: DeliveryGate
  lane: Lane
  round: number
  nextPage: () => number | undefined
  onPage: (result: PageResult) => void
}): Promise<void> {
  const { input, gate, lane, round } = options
  const { deliveryId, lineChannelId, priority } = input

  /** One run of a page's workflow, which is told of every move of the gate while it is open. */
  async function runPage(pageNo: number): Promise<PageResult> {
    const sent = gate.current()
    const page = await startChild(deliverPage, {
      workflowId: pageWorkflowId(deliveryId, lane, round, pageNo),
      args: [
        {
          deliveryId,
          lineChannelId,
          lane,
          round,
          pageNo,
          priority,
          gate: sent,
          window: outstanding[lane].window,
        },
      ],
      priority: { priorityKey: priority },
      staticSummary: `${lane} page ${pageNo}, round ${round}`,
    })
    gate.openPages.add(page)
    try {
      // It may have moved while the child was started.
      if (gate.current().seq !== sent.seq) await gate.tell(page)
      return await page.result()
    } finally {
      gate.openPages.delete(page)
    }
  }

  /** Ends a page that an earlier run of this delivery has left running, as when it was reset in Temporal Web. */
  async function endStray(pageNo: number): Promise<void> {
    const page = getExternalWorkflowHandle(pageWorkflowId(deliveryId, lane, round, pageNo))
    try {
      await page.cancel()
    } catch (error) {
      if (isCancellation(error)) throw error
      // It has just ended by itself.
    }
    await sleep(strayMs)
  }

  /** A page that was terminated, cancelled or failed is begun again when an operator says so: it repeats nothing. */
  async function deliverPageToItsEnd(pageNo: number): Promise<PageResult> {
    for (;;) {
      try {
        return await runPage(pageNo)
      } catch (error) {
        // *Cancel* on a page in Temporal Web ends that page, and says nothing of its delivery.
        const isOfPage = error instanceof ChildWorkflowFailure
        if (isCancellation(error) && !isOfPage) throw error
        if (gate.isCancelled()) return { unresolvedRequests: 0 }
        // What the stray page has done is in the ledger, so running it again repeats nothing.
        if (error instanceof WorkflowExecutionAlreadyStartedError && patched('end-stray-pages')) {
          await endStray(pageNo)
          continue
        }
        await gate.move('paused', {
          by: 'LFM',
          why: `The page ${lane}/${round}-${pageNo} ended by itself, as when it is terminated or cancelled in Temporal. Resume to go on with it.`,
        })
        await gate.passed()
        if (gate.isCancelled()) return { unresolvedRequests: 0 }
      }
    }
  }

  async function runNext(): Promise<void> {
    for (;;) {
      await gate.passed()
      const pageNo = options.nextPage()
      if (pageNo === undefined) return
      options.onPage(await deliverPageToItsEnd(pageNo))
    }
  }

  await Promise.all(Array.from({ length: outstanding[lane].pages }, runNext))
}
