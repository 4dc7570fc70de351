// Keeps a few pages of one lane going at once, so that the lane's queue is never empty between two.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import {
  ChildWorkflowFailure,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  sleep,
  startChild,
} from '@temporalio/workflow'
import { type Lane } from '../domain/lane.ts'
import { deliverPage } from './deliver-page.ts'
import { type DeliveryGate } from './delivery-gate.ts'
import {
  type DeliverCampaignInput,
  pageSaysWhenSent,
  pageWorkflowId,
  type PageResult,
} from './messages.ts'

/**
 * Pages that send at once, and batches outstanding in each. Together at most 3 s of LINE's rate on the lane
 * (delivery-protocol 6): 30 multicast batches, 12 push batches; more would only lengthen a drain.
 *
 * `recorded` is how many more may be open that are sent and wait for their part to be written: BigQuery takes a load
 * in 2.5 s, of the parts that wait in one worker, and a lane sends ten pages of multicasts in ten. A page of pushes
 * lasts 50 s, and its part is some 40 MB in a worker's memory.
 */
const outstanding: Readonly<Record<Lane, { pages: number; window: number; recorded: number }>> = {
  multicast: { pages: 3, window: 10, recorded: 16 },
  push: { pages: 2, window: 6, recorded: 2 },
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
  /** Workflow ids of pages that are sent, whether or not they have ended. */
  sent: Set<string>
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

  const { pages, recorded } = outstanding[lane]
  const ends: Promise<void>[] = []
  let open = 0

  /** Resolves when it is sent: while its part is written, the next page can be. */
  async function sendPage(pageNo: number): Promise<void> {
    const id = pageWorkflowId(deliveryId, lane, round, pageNo)
    open += 1
    const ended = deliverPageToItsEnd(pageNo)
      .then(options.onPage)
      .finally(() => {
        open -= 1
        options.sent.add(id)
      })
    // What fails after it is sent is told where all ends are waited for.
    ended.catch(() => undefined)
    ends.push(ended)
    await Promise.race([ended, condition(() => options.sent.has(id))])
  }

  async function runNext(): Promise<void> {
    for (;;) {
      await gate.passed()
      if (open >= pages + recorded) {
        await condition(() => open < pages + recorded)
        continue
      }
      const pageNo = options.nextPage()
      if (pageNo === undefined) return
      if (patched(pageSaysWhenSent)) {
        await sendPage(pageNo)
        continue
      }
      open += 1
      const result = await deliverPageToItsEnd(pageNo)
      open -= 1
      options.onPage(result)
    }
  }

  await Promise.all(Array.from({ length: pages }, runNext))
  // Not without any: in a history of before, what comes next must not come a moment later.
  if (ends.length > 0) await Promise.all(ends)
}
