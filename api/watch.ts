// Watches deliveries for any number of clients, with one look at the store for all of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { hasEnded } from '../domain/delivery.ts'
import { type ApiDeps } from './deps.ts'
import { type DeliveryView, deliveryView } from './views.ts'

export interface DeliveryWatch {
  /**
   * Tells the listener of the delivery as it is, then of every change; the last call is of the ended delivery.
   * @returns stops telling. A delivery that nobody listens to is not looked at.
   */
  subscribe(deliveryId: string, listener: (view: DeliveryView) => void): () => void
}

interface Watched {
  listeners: Set<(view: DeliveryView) => void>
  /** What the listeners were last told. */
  last: DeliveryView | undefined
  stop: AbortController
}

/** @param everyMs time between two looks. */
export function createDeliveryWatch(
  parts: Pick<ApiDeps, 'store' | 'seenFailures'>,
  everyMs: number,
  onFailure: (error: unknown) => void,
): DeliveryWatch {
  const watched = new Map<string, Watched>()

  async function look(deliveryId: string, entry: Watched): Promise<boolean> {
    const stored = await parts.store.deliveries.find(deliveryId)
    if (!stored) return false
    const view = await deliveryView(parts, stored)
    if (JSON.stringify(view) !== JSON.stringify(entry.last)) {
      entry.last = view
      for (const listener of entry.listeners) listener(view)
    }
    return !hasEnded(stored.phase)
  }

  async function watch(deliveryId: string, entry: Watched): Promise<void> {
    const { signal } = entry.stop
    while (!signal.aborted) {
      try {
        if (!(await look(deliveryId, entry))) break
      } catch (error) {
        // The store may be away for a while: clients keep their stream and hear of the next change.
        onFailure(error)
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    }
    if (watched.get(deliveryId) === entry) watched.delete(deliveryId)
  }

  return {
    subscribe(deliveryId, listener) {
      let entry = watched.get(deliveryId)
      if (!entry) {
        entry = { listeners: new Set(), last: undefined, stop: new AbortController() }
        watched.set(deliveryId, entry)
        void watch(deliveryId, entry)
      }
      const joined = entry
      joined.listeners.add(listener)
      if (joined.last) listener(joined.last)
      return () => {
        joined.listeners.delete(listener)
        if (joined.listeners.size > 0) return
        joined.stop.abort()
        if (watched.get(deliveryId) === joined) watched.delete(deliveryId)
      }
    },
  }
}
