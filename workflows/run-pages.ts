// Keeps a few pages of one lane going at once, so that the lane's queue is never empty between two.
import { startChild } from '@temporalio/workflow'
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

  async function runNext(): Promise<void> {
    for (;;) {
      await gate.passed()
      const pageNo = options.nextPage()
      if (pageNo === undefined) return
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
            gate: gate.current(),
            window: outstanding[lane].window,
          },
        ],
        priority: { priorityKey: priority },
        staticSummary: `${lane} page ${pageNo}, round ${round}`,
      })
      gate.openPages.add(page)
      try {
        options.onPage(await page.result())
      } finally {
        gate.openPages.delete(page)
      }
    }
  }

  await Promise.all(Array.from({ length: outstanding[lane].pages }, runNext))
}
