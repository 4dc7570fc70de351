// Keeps in the warehouse what open deliveries need, and removes what ended ones need no longer; logs only by a setting.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger } from 'pino'
import { type Retention } from '../store/retention.ts'
import { type Warehouse } from '../warehouse/port.ts'

/** How long things are kept. */
export interface KeepDays {
  /** Plans and parts, after the end of their delivery. */
  plans: number
  /** `delivery_log` and `click_log`; for ever where undefined. */
  logs: number | undefined
}

export interface RetentionDeps {
  retention: Retention
  warehouse: Pick<Warehouse, 'keepDelivery' | 'heldDeliveries' | 'dropDelivery' | 'dropLogsBefore'>
  keepDays: KeepDays
  /** Milliseconds since the epoch. */
  now: () => number
  log: Logger
}

const dayMs = 24 * 60 * 60 * 1000
/** After the rush of a start, in which every worker has better things to do. */
const firstAfterMs = 60_000
const everyMs = 6 * 60 * 60 * 1000

/**
 * Puts off the end of every plan that an open delivery needs. One that is paused, or waits for its time, is used by
 * nobody for weeks, and would be gone when it goes on.
 */
export async function keepWhatIsNeeded(
  { retention, warehouse, log }: Pick<RetentionDeps, 'retention' | 'warehouse' | 'log'>,
  signal?: AbortSignal,
): Promise<void> {
  for (const { deliveryId, attempt } of await retention.needed()) {
    if (signal?.aborted) return
    // One that can't be kept now must not cost the others theirs; there are days left for the next tries.
    await warehouse.keepDelivery(deliveryId, attempt, signal).catch((error: unknown) => {
      if (!signal?.aborted)
        log.warn({ err: error, deliveryId }, 'the end of a plan could not be put off')
    })
  }
}

/**
 * Removes what is old now. Broken off at any point it is finished by the next run, of whatever worker.
 * What the store does not know is left alone: after a restore it may be all that there is of a delivery.
 */
export async function dropWhatIsOld(deps: RetentionDeps, signal?: AbortSignal): Promise<void> {
  const { retention, warehouse, keepDays, now, log } = deps
  await retention.release(new Date(now() - keepDays.plans * dayMs))
  for (const deliveryId of await retention.released(await warehouse.heldDeliveries())) {
    if (signal?.aborted) return
    await warehouse.dropDelivery(deliveryId)
    log.info({ deliveryId }, 'removed plan and parts of a delivery that ended long ago')
  }
  if (keepDays.logs === undefined || signal?.aborted) return
  const day = new Date(now() - keepDays.logs * dayMs).toISOString().slice(0, 10)
  await warehouse.dropLogsBefore(day)
}

/** One run of both. Never rejects: what fails is logged, costs the other nothing, and is tried again by the next run. */
export async function tidyUp(deps: RetentionDeps, signal?: AbortSignal): Promise<void> {
  await keepWhatIsNeeded(deps, signal).catch((error: unknown) => {
    deps.log.warn({ err: error }, 'the plans that open deliveries need could not be looked up')
  })
  if (signal?.aborted) return
  await dropWhatIsOld(deps, signal).catch((error: unknown) => {
    deps.log.warn({ err: error }, 'what is old could not be removed from the warehouse')
  })
}

/** Runs it every few hours; several workers at once do no harm. */
export function startRetention(deps: RetentionDeps): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)

  async function keepRunning(): Promise<void> {
    await wait(firstAfterMs)
    while (!signal.aborted) {
      await tidyUp(deps, signal)
      await wait(everyMs)
    }
  }

  const running = keepRunning()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
