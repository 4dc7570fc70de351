// `deliverCampaign`: one delivery from its start to its account; an operator may pause, resume or cancel it.
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import { type EndState } from '../domain/delivery.ts'
import { type Lane, lanes } from '../domain/lane.ts'
import { type Account } from '../domain/outcome.ts'
import { audience, operate, pages } from './activities.ts'
import { createDeliveryGate, type DeliveryGate } from './delivery-gate.ts'
import { exactAccount } from './exact-account.ts'
import {
  type CarriedDelivery,
  cancelUpdate,
  type DeliverCampaignInput,
  type DeliveryResult,
  gateSignal,
  pageWorkflowId,
  pauseUpdate,
  resumeUpdate,
  sentSignal,
} from './messages.ts'
import { runPages } from './run-pages.ts'
import { minuteOf, showState } from './shown.ts'

const defaultPagesPerRun = 500
const minuteMs = 60_000

/** Delivers a campaign once; ends only when every recipient is accounted for. */
export async function deliverCampaign(input: DeliverCampaignInput): Promise<DeliveryResult> {
  const gate = createDeliveryGate(input.deliveryId, input.carried?.gate)
  setHandler(pauseUpdate, (request) => gate.move('paused', request))
  setHandler(resumeUpdate, (request) => gate.move('open', request))
  setHandler(cancelUpdate, (request) => gate.move('cancelled', request))
  setHandler(gateSignal, (moved) => gate.hear(moved))
  const sentPages = new Set<string>()
  setHandler(sentSignal, ({ lane, round, pageNo }) => {
    sentPages.add(pageWorkflowId(input.deliveryId, lane, round, pageNo))
  })

  // Temporal's own cancel means the same as an operator's: the account is still made.
  void CancellationScope.current().cancelRequested.catch((error: unknown) => {
    if (!isCancellation(error)) throw error
    return CancellationScope.nonCancellable(() =>
      gate.move('cancelled', { by: 'Temporal', why: 'The workflow was cancelled in Temporal.' }),
    )
  })
  return CancellationScope.nonCancellable(() => deliver(input, gate, sentPages))
}

async function deliver(
  input: DeliverCampaignInput,
  gate: DeliveryGate,
  sentPages: Set<string>,
): Promise<DeliveryResult> {
  const { deliveryId } = input
  const begun = input.carried ?? (await (input.isRecovered ? takeUp : freeze)(input, gate))
  if ('state' in begun) return end(input, gate, begun.state, null, begun.reason)

  const delivery = begun
  await operate.setPhase({ deliveryId, phase: 'sending' })
  gate.enter('sending')
  for (;;) {
    await deliverRound(input, gate, delivery, sentPages)
    // A page may have read in the store of a cancel that nobody could tell this workflow.
    await gate.refresh()
    if (gate.isCancelled()) break
    const next = delivery.round + 1
    // The ledger says who is left, not the pages: one may have ended early.
    const left = await pages.planRound({ deliveryId, round: next })
    if (left.batches === 0) break
    // A worker of 0.1.0 answers without it.
    const { delayMs = minuteMs } = left
    const dueAt = minuteOf(new Date(Date.now() + delayMs))
    gate.details.pages(
      delivery,
      `round ${next} at ${dueAt}: ${left.batches} batches have somebody without an outcome`,
    )
    await condition(() => gate.isCancelled(), delayMs)
    if (gate.isCancelled()) break
    delivery.round = next
    delivery.pageCount = await pages.countPages({ deliveryId, round: next })
    delivery.nextPage = { multicast: 0, push: 0 }
    delivery.unresolvedRequests = 0
  }
  // Of its own: pages of the round after this one may have been planned, and their parts are made by round.
  return reconcile(input, gate, delivery.round + 2)
}

/**
 * Goes on from plan and ledger where an earlier workflow of this delivery was lost: everybody without an outcome is
 * in a new round, above all that pages and parts were ever named by.
 */
async function takeUp(
  input: DeliverCampaignInput,
  gate: DeliveryGate,
): Promise<CarriedDelivery | { state: EndState; reason: string }> {
  const { deliveryId } = input
  await gate.refresh()
  const standing = await pages.findStanding({ deliveryId })
  if (!standing) return freeze(input, gate)
  const { planned, lastRound, isUntouched } = standing
  if (isUntouched) await waitForQuota(input, gate, planned)
  // Temporal may have lost the queues' rates together with the workflow.
  await unlessCancelled(gate, () => operate.prepareQueues({ deliveryId }))
  const round = lastRound + 1
  // The round in which a cancelled ledger is closed must stay without pages.
  if (!gate.isCancelled()) await pages.planRound({ deliveryId, round })
  return {
    gate: gate.current(),
    planned,
    round,
    pageCount: await pages.countPages({ deliveryId, round }),
    nextPage: { multicast: 0, push: 0 },
    unresolvedRequests: 0,
  }
}

/** Pauses for a person where the month's quota has no room for everybody. */
async function waitForQuota(
  { deliveryId }: DeliverCampaignInput,
  gate: DeliveryGate,
  planned: number,
): Promise<void> {
  const problem = await unlessCancelled(gate, () => operate.checkQuota({ deliveryId, planned }))
  if (problem !== null && problem !== 'cancelled')
    await gate.move('paused', { by: 'LFM', why: problem })
}

/** Freezes the audience, or says why the delivery ends before it sends. */
async function freeze(
  input: DeliverCampaignInput,
  gate: DeliveryGate,
): Promise<CarriedDelivery | { state: EndState; reason: string }> {
  const { deliveryId } = input
  gate.enter('freezing')
  await operate.setPhase({ deliveryId, phase: 'freezing' })
  // A pause may have been set before this workflow ran for the first time.
  await gate.refresh()
  await gate.passed()
  if (gate.isCancelled()) return { state: 'cancelled', reason: gate.why() }
  const frozen = await unlessCancelled(gate, () => audience.freezeAudience({ deliveryId }))
  if (frozen === 'cancelled') return { state: 'cancelled', reason: gate.why() }
  if (frozen.kind === 'refused') return { state: 'failed before send', reason: frozen.why }
  const { planned } = frozen
  await waitForQuota(input, gate, planned)
  await unlessCancelled(gate, () => operate.prepareQueues({ deliveryId }))
  await gate.passed()
  if (gate.isCancelled()) return { state: 'cancelled', reason: gate.why() }
  return {
    gate: gate.current(),
    planned,
    round: 0,
    pageCount: await pages.countPages({ deliveryId, round: 0 }),
    nextPage: { multicast: 0, push: 0 },
    unresolvedRequests: 0,
  }
}

/** Waits for work that an operator's cancel ends, however often it is being tried again. */
async function unlessCancelled<T>(
  gate: DeliveryGate,
  work: () => Promise<T>,
): Promise<T | 'cancelled'> {
  const scope = new CancellationScope()
  const running = scope.run(work)
  await Promise.race([running, condition(() => gate.isCancelled())])
  if (gate.isCancelled()) scope.cancel()
  try {
    const result = await running
    return gate.isCancelled() ? 'cancelled' : result
  } catch (error) {
    if (isCancellation(error) && gate.isCancelled()) return 'cancelled'
    throw error
  }
}

/** Sends all pages of a round, both lanes at once; continues as new between pages where the history grows. */
async function deliverRound(
  input: DeliverCampaignInput,
  gate: DeliveryGate,
  delivery: CarriedDelivery,
  sentPages: Set<string>,
): Promise<void> {
  const pagesPerRun = input.pagesPerRun ?? defaultPagesPerRun
  let startedInRun = 0
  const mayStart = () => startedInRun < pagesPerRun && !workflowInfo().continueAsNewSuggested
  const isLeft = (lane: Lane) => delivery.nextPage[lane] < delivery.pageCount[lane]

  await Promise.all(
    lanes.map((lane) =>
      runPages({
        input,
        gate,
        lane,
        round: delivery.round,
        sent: sentPages,
        nextPage() {
          if (!isLeft(lane) || !mayStart() || gate.isCancelled()) return undefined
          startedInRun += 1
          return delivery.nextPage[lane]++
        },
        onPage(result) {
          delivery.unresolvedRequests += result.unresolvedRequests
          gate.details.pages(delivery)
        },
      }),
    ),
  )
  if (!lanes.some(isLeft) || gate.isCancelled()) return
  // Never while paused: the operator's update would meet a run that is about to end.
  do {
    await gate.passed()
    await condition(allHandlersFinished)
  } while (gate.position() === 'paused')
  if (gate.isCancelled()) return
  await continueAsNew<(next: DeliverCampaignInput) => Promise<DeliveryResult>>({
    ...input,
    carried: { ...delivery, gate: gate.current() },
  })
}

async function reconcile(
  input: DeliverCampaignInput,
  gate: DeliveryGate,
  closingRound: number,
): Promise<DeliveryResult> {
  const { deliveryId } = input
  const wasCancelled = gate.isCancelled()
  const closedBecause = wasCancelled ? `Cancelled: ${gate.why()}` : null
  if (closedBecause !== null)
    await audience.closeLedger({ deliveryId, round: closingRound, why: closedBecause })
  gate.enter('reconciling')
  await operate.setPhase({ deliveryId, phase: 'reconciling' })
  const account = await exactAccount(deliveryId, gate, { closingRound, closedBecause })
  await audience.materialiseLog({ deliveryId })
  if (wasCancelled) return end(input, gate, 'cancelled during send', account, gate.why())
  const state = account.accepted === account.planned ? 'done' : 'done with failures'
  return end(input, gate, state, account)
}

async function end(
  { deliveryId }: DeliverCampaignInput,
  gate: DeliveryGate,
  state: EndState,
  account: Account | null,
  reason?: string,
): Promise<DeliveryResult> {
  await operate.endDelivery({
    deliveryId,
    state,
    account,
    ...(reason !== undefined && { reason }),
  })
  showState(state)
  gate.details.end(state, account, reason)
  await condition(allHandlersFinished)
  return { state, account }
}
