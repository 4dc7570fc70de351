// A delivery's copy of the gate: moved in the store first, then told to every open page.
import { type ChildWorkflowHandle, condition, isCancellation, log } from '@temporalio/workflow'
import { type Gate, laterGate, type OpenDeliveryState, shownState } from '../domain/delivery.ts'
import { operate } from './activities.ts'
import { type deliverPage } from './deliver-page.ts'
import { gateSignal, type OperatorAnswer, type OperatorRequest } from './messages.ts'
import { createDetails, type Details, showState } from './shown.ts'

type PageHandle = ChildWorkflowHandle<typeof deliverPage>

export interface DeliveryGate {
  current(): Gate
  position(): Gate['position']
  isCancelled(): boolean
  /** Why it stands as it does, for people. */
  why(): string
  /** Shows what the delivery is at from now on, unless the gate matters more. */
  enter(phase: OpenDeliveryState): void
  /** Resolves when the gate is open or the delivery cancelled. */
  passed(): Promise<void>
  /** Moves it in the store, which is in force at once, and then tells every open page. */
  move(to: Gate['position'], request: OperatorRequest): Promise<OperatorAnswer>
  /** Takes note of a gate that was moved elsewhere. */
  hear(moved: Gate): Promise<void>
  /** Reads it from the store. */
  refresh(): Promise<void>
  /** Tells one page where the gate stands. */
  tell(page: PageHandle): Promise<void>
  /** What Temporal Web shows in words. */
  details: Details
  /** Pages that are to be told of moves. */
  openPages: Set<PageHandle>
}

/** Starts from the gate that the run before left, or from an open one. */
export function createDeliveryGate(deliveryId: string, carried?: Gate): DeliveryGate {
  let gate: Gate = carried ?? { position: 'open', seq: 0 }
  let phase: OpenDeliveryState = carried ? 'sending' : 'freezing'
  const openPages = new Set<PageHandle>()
  const details = createDetails()

  async function apply(moved: Gate): Promise<void> {
    if (moved.seq <= gate.seq) return
    gate = laterGate(gate, moved)
    showState(shownAt(gate))
    details.gateMoved(gate)
    await Promise.all([...openPages].map((page) => tell(page, gate)))
  }

  async function tell(page: PageHandle, news: Gate): Promise<void> {
    try {
      await page.signal(gateSignal, news)
    } catch (error) {
      if (isCancellation(error)) throw error
      // The page has just ended; there is nothing left in it to hold.
      log.debug('A page ended before it heard of the gate', { page: page.workflowId })
    }
  }

  const shownAt = ({ position }: Gate) =>
    shownState({ phase, gate: position, isInterrupted: false })

  return {
    details,
    openPages,
    tell: (page) => tell(page, gate),
    current: () => gate,
    position: () => gate.position,
    isCancelled: () => gate.position === 'cancelled',
    why: () => gate.why ?? '',
    enter(entered) {
      phase = entered
      showState(shownAt(gate))
      details.enter(phase)
    },
    passed: () => condition(() => gate.position !== 'paused'),
    async move(to, { by, why, seq }) {
      const moved =
        seq !== undefined && to !== 'open'
          ? await operate.readGate({ deliveryId })
          : await operate.moveGate({
              deliveryId,
              to,
              by,
              why,
              ...(seq !== undefined && { ifSeq: seq }),
            })
      await apply(moved)
      return { state: shownAt(moved), gate: moved }
    },
    hear: apply,
    async refresh() {
      await apply(await operate.readGate({ deliveryId }))
    },
  }
}
