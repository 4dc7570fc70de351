// The states of a delivery and the gate through which every LINE call of it must go.

/** States of a delivery that goes on. `paused` is shown where the gate is, whatever else goes on. */
export type OpenDeliveryState =
  'starting' | 'freezing' | 'sending' | 'paused' | 'cancelling' | 'reconciling'

/** States that a delivery ends in. */
export type EndState =
  'done' | 'done with failures' | 'cancelled during send' | 'cancelled' | 'failed before send'

export type DeliveryState = OpenDeliveryState | EndState

const endStates: ReadonlySet<string> = new Set<EndState>([
  'done',
  'done with failures',
  'cancelled during send',
  'cancelled',
  'failed before send',
])

/** Whether a delivery in this state has ended for good. */
export function hasEnded(state: DeliveryState): state is EndState {
  return endStates.has(state)
}

/** What the gate in the store says; the store is its only home, workflows hold a copy with its number. */
export interface Gate {
  position: 'open' | 'paused' | 'cancelled'
  /** Grows with every change, so that late news is recognised as late. */
  seq: number
  by?: string
  why?: string
}

/** The later of two positions of the gate. */
export function laterGate(one: Gate, other: Gate): Gate {
  return other.seq > one.seq ? other : one
}

/** What an operator is shown: the phase, unless something else matters more. */
export type ShownState = DeliveryState | 'interrupted'

/** The state to show: ended, interrupted, cancelling, paused, or the phase, in this order. */
export function shownState(delivery: {
  phase: DeliveryState
  gate: Gate['position']
  isInterrupted: boolean
}): ShownState {
  if (hasEnded(delivery.phase)) return delivery.phase
  if (delivery.isInterrupted) return 'interrupted'
  if (delivery.gate === 'cancelled') return 'cancelling'
  if (delivery.gate === 'paused') return 'paused'
  return delivery.phase
}
