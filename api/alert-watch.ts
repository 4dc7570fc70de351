// Looks at every open delivery from time to time, and raises and clears alerts. It lives here because it has to
// speak where no worker is there to speak.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger } from 'pino'
import { type Secret } from '../config/secret.ts'
import { findingsOf, stuckSince, type TemporalSight } from '../domain/findings.ts'
import { type StandingFacts } from '../domain/standing.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type Store } from '../store/store.ts'
import { sendAlerts } from './alert-webhook.ts'
import { isServed, neededQueues, quietForMs, quietMs } from './served.ts'
import { type DeliveryWorkflows } from './temporal.ts'

/** A delivery that nobody serves must be said to be within 30 s. */
const lookEveryMs = 5_000

export interface AlertWatchOptions {
  store: Pick<Store, 'deliveries' | 'channels' | 'standings' | 'alerts'>
  workflows: Pick<DeliveryWorkflows, 'queueSight' | 'failures'>
  log: Logger
  /** Time without progress that is borne in silence. */
  patienceMs: number
  webhookUrl: Secret | undefined
  /** Names this process among others that watch. */
  holder: string
}

export interface AlertWatch {
  stop(): Promise<void>
}

/** One look at all open deliveries; where another process has the watch, none. */
export function createAlertLook(options: AlertWatchOptions): () => Promise<void> {
  const { store, workflows, log, patienceMs } = options
  let awaySince: Date | undefined

  function away(now: Date): TemporalSight {
    awaySince ??= now
    return { kind: 'away', since: awaySince }
  }

  /** Asks Temporal, but only of a delivery that gives reason to. */
  async function sightOf(delivery: Delivery, facts: StandingFacts): Promise<TemporalSight | null> {
    if (facts.gate.position === 'paused' || facts.interruptedAt) return null
    if (quietForMs(facts) < quietMs) return null
    const channel = await store.channels.find(delivery.channelId)
    if (!channel) return null
    const unserved = new Set<string>()
    for (const queue of neededQueues(facts, channel.lineChannelId)) {
      const sight = await workflows.queueSight(queue.name, queue.type)
      if (sight === 'away') return away(facts.now)
      if (!isServed(facts, sight)) unserved.add(queue.name)
    }
    awaySince = undefined
    const stuck = stuckSince(facts)
    const isAsked = stuck && facts.now.getTime() - stuck.getTime() > patienceMs
    const failures = isAsked ? await workflows.failures(delivery.id) : []
    if (failures === 'away') return away(facts.now)
    return { kind: 'there', unservedQueues: [...unserved], failures }
  }

  async function lookAt(delivery: Delivery): Promise<void> {
    const { facts } = await store.standings.read(delivery)
    const findings = findingsOf(facts, await sightOf(delivery, facts), patienceMs)
    const { raised, cleared } = await store.alerts.settle(delivery.id, findings)
    const { id: deliveryId, campaignId } = delivery
    for (const { kind, detail, since } of raised) {
      log.error(
        { alert: kind, deliveryId, campaignId, waitsFor: detail, since },
        `alert: a delivery waits for ${detail}`,
      )
    }
    for (const kind of cleared) log.info({ alertCleared: kind, deliveryId }, 'alert cleared')
  }

  return async () => {
    if (!(await store.alerts.keepWatch(options.holder, 3 * lookEveryMs))) return
    await store.alerts.clearEnded()
    for (const delivery of await store.deliveries.listOpen()) {
      // One that can't be looked at must not hide the others.
      await lookAt(delivery).catch((error: unknown) => {
        log.warn({ err: error, deliveryId: delivery.id }, 'a delivery could not be looked at')
      })
    }
  }
}

/** Looks until it is stopped; several processes may, and one of them has the watch. */
export function startAlertWatch(options: AlertWatchOptions): AlertWatch {
  const { log, webhookUrl, patienceMs } = options
  const { alerts } = options.store
  const stopping = new AbortController()
  const look = createAlertLook(options)
  let isBlind = false

  async function lookAndSay(): Promise<void> {
    try {
      await look()
      if (isBlind) log.info({ alertCleared: 'store-away' }, 'PostgreSQL answers again')
      isBlind = false
    } catch (error) {
      // No delivery can be read and no alert kept, so this one is in the log alone.
      if (!isBlind) {
        log.error({ alert: 'store-away', err: error }, 'alert: deliveries wait for PostgreSQL')
      }
      isBlind = true
    }
  }

  async function keep(work: () => Promise<void>): Promise<void> {
    const everyMs = Math.min(lookEveryMs, Math.max(250, patienceMs / 4))
    while (!stopping.signal.aborted) {
      await work()
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const watching = [keep(lookAndSay)]
  if (webhookUrl) {
    // Beside the looks: a webhook that does not answer must not make the watch blind.
    const send = () =>
      sendAlerts({ alerts, log, url: webhookUrl }).catch((error: unknown) => {
        log.warn({ err: error }, 'alerts could not be read')
      })
    watching.push(keep(send))
  }
  return {
    async stop() {
      stopping.abort()
      await Promise.all(watching)
    },
  }
}
