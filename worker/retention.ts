// Removes from the warehouse, from time to time, what ended deliveries need no longer; logs only where a setting says so.
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
  warehouse: Pick<Warehouse, 'heldDeliveries' | 'dropDelivery' | 'dropLogsBefore'>
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

/** Runs it every few hours; several workers at once do no harm. */
export function startRetention(deps: RetentionDeps): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)

  async function keepRunning(): Promise<void> {
    await wait(firstAfterMs)
    while (!signal.aborted) {
      await dropWhatIsOld(deps, signal).catch((error: unknown) => {
        deps.log.warn({ err: error }, 'what is old could not be removed from the warehouse')
      })
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
