// Pauses, cancels and resumes deliveries: the gate in the store first, then the workflow (delivery-protocol 6).
import { hasEnded } from '../domain/delivery.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type OperatorRequest } from '../workflows/messages.ts'
import { type ApiDeps } from './deps.ts'
import { Problem } from './problem.ts'
import { type Told } from './temporal.ts'

/** Pause and cancel are answered within a second, so the workflow has this long to say that it heard. */
const tellMs = 500
/**
 * Resuming goes through the workflow. A worker that was killed may have had a step of it in hand, which Temporal gives
 * to another one after 10 s (the workflow task time-out); that one then has to load it.
 */
export const resumeMs = 15_000

export interface Operated {
  delivery: Delivery
  temporal: 'told' | 'pending' | 'away'
}

function notFound(id: string): Problem {
  return new Problem('not-found', `There is no delivery ${id}.`)
}

/** The delivery. @throws Problem not-found */
export async function requireDelivery({ store }: ApiDeps, id: string): Promise<Delivery> {
  const delivery = await store.deliveries.find(id)
  if (!delivery) throw notFound(id)
  return delivery
}

/** @throws Problem delivery-ended */
export function refuseEnded({ id, phase }: Delivery): void {
  if (!hasEnded(phase)) return
  throw new Problem('delivery-ended', `Delivery ${id} has ended: it is "${phase}".`)
}

function refuseCancelled({ id, gate }: Delivery): void {
  if (gate.position !== 'cancelled') return
  const by = gate.by === undefined ? '' : ` by ${gate.by}`
  throw new Problem('already-cancelled', `Delivery ${id} was cancelled${by}.`)
}

function interrupted(id: string): Problem {
  return new Problem(
    'operation-refused',
    `Delivery ${id} is interrupted: Temporal has no running workflow of it, so nothing goes on. Nothing was changed. Begin it again: lfm delivery recover ${id} --why '…'`,
  )
}

function refusedBy(id: string, told: Extract<Told, { kind: 'refused' }>): Problem {
  return new Problem('operation-refused', `Delivery ${id} answered: ${told.reason}`)
}

/**
 * Closes the gate for a while or for good; in force when this resolves, whatever Temporal does.
 * @throws Problem not-found, delivery-ended, already-cancelled
 */
export async function holdDelivery(
  deps: ApiDeps,
  id: string,
  operation: 'pause' | 'cancel',
  request: OperatorRequest,
): Promise<Operated> {
  const { store, workflows } = deps
  const position = operation === 'pause' ? 'paused' : 'cancelled'
  const moved = await store.deliveries.moveGate(id, position, { ...request, isRaised: true })
  if (!moved) throw notFound(id)
  refuseEnded(moved.delivery)
  if (operation === 'pause') refuseCancelled(moved.delivery)

  // Told again where the gate stands there already: the first time Temporal may have been away.
  const { seq } = moved.delivery.gate
  const told = await workflows
    .tell(id, operation, { ...request, seq }, tellMs)
    .catch((error: unknown) => {
      // The gate is closed; what the workflow lacks it reads there.
      deps.log.error({ err: error, deliveryId: id, operation }, 'workflow not told')
      return { kind: 'pending' } as const
    })
  const temporal = told.kind === 'told' || told.kind === 'away' ? told.kind : 'pending'
  return { delivery: (await store.deliveries.find(id)) ?? moved.delivery, temporal }
}

/**
 * Opens the gate through the workflow, so that nothing is sent that no workflow keeps account of.
 * @throws Problem not-found, delivery-ended, already-cancelled, operation-refused, temporal-away
 */
export async function resumeDelivery(
  deps: ApiDeps,
  id: string,
  request: OperatorRequest,
): Promise<Operated> {
  const before = await requireDelivery(deps, id)
  refuseEnded(before)
  refuseCancelled(before)
  if (before.restoredAt !== null) {
    throw new Problem(
      'operation-refused',
      `PostgreSQL was restored under delivery ${id}: recover it first, then resume it.`,
    )
  }
  const told = await deps.workflows.tell(
    id,
    'resume',
    { ...request, seq: before.gate.seq },
    resumeMs,
  )
  const delivery = await requireDelivery(deps, id)
  if (told.kind === 'told') return { delivery, temporal: 'told' }
  refuseEnded(delivery)
  refuseCancelled(delivery)
  if (told.kind === 'refused') throw refusedBy(id, told)
  // Before the gate, which may stand open where nobody is left to go through it. A sweeper starts what never began.
  const isGone = told.kind === 'no-workflow' && delivery.phase !== 'starting'
  if (isGone || delivery.state === 'interrupted') throw interrupted(id)
  if (delivery.gate.position === 'open' && told.kind !== 'no-workflow') {
    return { delivery, temporal: told.kind === 'away' ? 'away' : 'pending' }
  }
  const why = {
    away: 'Temporal cannot be reached. Nothing was changed: the delivery stays paused.',
    'no-workflow': `Temporal has no workflow of this delivery yet. Nothing was changed. A worker starts it within 15 s; if none does: lfm delivery recover ${id} --why '…'`,
    pending: `The workflow did not answer within ${resumeMs / 1_000} s, most likely because no worker runs. The delivery is still paused; it resumes if a worker takes the request up.`,
  }[told.kind]
  throw new Problem('temporal-away', why, { headers: { 'retry-after': '5' } })
}
