// Pauses a delivery whose warehouse can't go on before a person does something, and says what.
import { type ActivityDeps } from './ports.ts'

/** Moves the gate; of a delivery that is cancelled, which can't be paused, the reason is shown beside its state. */
export function createHoldForPerson({ deliveries }: Pick<ActivityDeps['store'], 'deliveries'>) {
  return async function holdForPerson(deliveryId: string, why: string) {
    const moved = await deliveries.moveGate(deliveryId, 'paused', { by: 'LFM', why })
    if (!moved) throw new Error(`There is no delivery ${deliveryId}.`)
    const { gate, phase } = moved.delivery
    if (gate.position === 'cancelled') await deliveries.setPhase(deliveryId, phase, why)
    return gate
  }
}
