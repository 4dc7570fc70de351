// Ways to wait for a point of a delivery, and to be its operator while parts are away.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, type Client, Refused, Unreachable } from '../../cli/client.ts'
import { type Delivery, hasEnded } from '../deliveries.ts'
import { type DrawnFault, type Foreseen, NotHit } from './fault.ts'
import { type LedgerView } from './ledger-view.ts'
import { type LineControl, type LineLane } from './line-control.ts'

type Order = 'pause' | 'resume' | 'cancel'

export interface Points {
  /** Starts the delivery, repeating the request until it is answered. */
  start(campaignId: string): Promise<string>
  /** The delivery's id, once it is started. */
  deliveryId: Promise<string>
  /** The delivery as last seen. */
  last(): Delivery | undefined
  isOver(): boolean
  isCancelled(): boolean
  /** Faults of the sending phase that are not over. */
  pending: Set<DrawnFault>
  /**
   * Share of the planned requests that LINE has accepted; without a lane that of the lane that is behind. Where some
   * recipients will stay unknown, their share of the plan counts as well.
   */
  share(lane?: LineLane): Promise<number>
  /** Asks until it is so. @throws NotHit where the delivery ends, or the time is up, before. */
  until(
    what: string,
    isSo: () => boolean | Promise<boolean>,
    patience?: { everyMs?: number; withinMs?: number },
  ): Promise<void>
  /** Pauses, resumes or cancels as an operator who asks again until there is an answer, and it is as wanted. */
  operate(order: Order, why: string): Promise<Answer<'pauseDelivery'>>
  /** Repeats a request to the API while API, PostgreSQL or Temporal are away. */
  insist<T>(ask: () => Promise<T>): Promise<T>
  /** Notes what follows from a fault that has come to pass. */
  foresee(unknown: Foreseen): void
  foreseen(): readonly Foreseen[]
  /** Looks at the delivery until it has ended, and tells every look. */
  watch(onLook: (delivery: Delivery) => void): Promise<Delivery>
}

const lookEveryMs = 100
const watchEveryMs = 300
const statsLastMs = 80
const insistEveryMs = 300
/** An operator gives up after so long; the longest outage is two minutes. */
const insistForMs = 300_000
const operator = 'chaos'

const operations = {
  pause: 'pauseDelivery',
  resume: 'resumeDelivery',
  cancel: 'cancelDelivery',
} as const
const wantedAfter = { pause: 'paused', resume: 'open', cancel: 'cancelled' } as const

export function createPoints(options: {
  client: Client
  line: LineControl
  ledger: LedgerView
  signal: AbortSignal
}): Points {
  const { client, line, ledger, signal } = options
  const started = Promise.withResolvers<string>()
  const foreseen: Foreseen[] = []
  let stats: { at: number; answer: ReturnType<LineControl['stats']> } | undefined
  let last: Delivery | undefined
  let planned: { multicast: number; push: number } | undefined
  const isOver = () => last !== undefined && hasEnded(last)

  async function insist<T>(ask: () => Promise<T>): Promise<T> {
    const until = Date.now() + insistForMs
    for (;;) {
      signal.throwIfAborted()
      try {
        return await ask()
      } catch (error) {
        const isAway =
          error instanceof Unreachable || (error instanceof Refused && error.document.status >= 500)
        if (!isAway || Date.now() > until) throw error
        await sleep(insistEveryMs, undefined, { signal })
      }
    }
  }

  /** All that wait for a point look at the same figures. */
  function recentStats(): ReturnType<LineControl['stats']> {
    if (!stats || performance.now() - stats.at > statsLastMs)
      stats = { at: performance.now(), answer: line.stats() }
    return stats.answer
  }

  async function share(lane?: LineLane): Promise<number> {
    planned ??= await ledger.requests(await started.promise).catch(() => undefined)
    if (!planned) return 0
    const requests = planned
    const accepted = await recentStats()
    const lanes = lane ? [lane] : (['multicast', 'push'] as const)
    const unknown = last && foreseen.length > 0 ? last.progress.unknown / last.progress.planned : 0
    const reached = Math.min(
      ...lanes
        .filter((one) => requests[one] > 0)
        .map((one) => (accepted[one]?.accepted ?? 0) / requests[one]),
    )
    return Math.min(1, reached + unknown)
  }

  const points: Points = {
    deliveryId: started.promise,
    last: () => last,
    isOver,
    isCancelled: () => last?.gate.position === 'cancelled',
    pending: new Set(),
    insist,
    share,
    foresee: (unknown) => void foreseen.push(unknown),
    foreseen: () => foreseen,
    async start(campaignId) {
      const { id } = await insist(() =>
        client.call('startCampaign', { params: { id: campaignId }, body: {} }),
      )
      started.resolve(id)
      return id
    },
    async until(what, isSo, { everyMs = lookEveryMs, withinMs = Infinity } = {}) {
      const endsAt = performance.now() + withinMs
      for (;;) {
        signal.throwIfAborted()
        if (await isSo()) return
        if (isOver()) throw new NotHit(`The delivery ended before ${what}.`)
        if (performance.now() > endsAt)
          throw new NotHit(`Within ${withinMs / 1_000} s there was not ${what}.`)
        await sleep(everyMs, undefined, { signal })
      }
    },
    async operate(order, why) {
      const params = { id: await started.promise }
      const body = { by: operator, why }
      for (;;) {
        const answer = await insist(() => client.call(operations[order], { params, body }))
        if (answer.delivery.gate.position === wantedAfter[order]) return answer
        await sleep(insistEveryMs, undefined, { signal })
      }
    },
    async watch(onLook) {
      const params = { id: await started.promise }
      for (;;) {
        last = await insist(() => client.call('getDelivery', { params }))
        onLook(last)
        if (hasEnded(last)) return last
        await sleep(watchEveryMs, undefined, { signal })
      }
    },
  }
  return points
}
