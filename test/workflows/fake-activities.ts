// Activities in memory for tests of workflows: a delivery whose store is a few variables.
import { activityInfo, Context } from '@temporalio/activity'
import { type CloseActivities } from '../../activities/close-account.ts'
import { type FreezeActivities } from '../../activities/freeze-audience.ts'
import { type OperateActivities } from '../../activities/operate.ts'
import { type PageActivities } from '../../activities/pages.ts'
import {
  type SendActivities,
  type SendBatchInput,
  type SendBatchResult,
} from '../../activities/send-batch.ts'
import { type Gate } from '../../domain/delivery.ts'
import { emptyAccount } from '../../domain/outcome.ts'

const beatEveryMs = 1_000

type AllActivities = CloseActivities &
  FreezeActivities &
  OperateActivities &
  PageActivities &
  SendActivities

export interface FakeDelivery {
  gate: Gate
  /** Every gate that `move` made, in order. */
  gates: Gate[]
  /** Moves the gate as the store does, for an API that does so before it tells the workflow. */
  move(to: Gate['position'], facts: { by: string; why: string; ifSeq?: number }): Gate
  phases: string[]
  sent: SendBatchInput[]
  recordedPages: string[]
  ended: { state: string; reason?: string } | undefined
  closedBecause: string | undefined
}

export interface FakeOptions {
  pages: { multicast: number; push: number }
  batchesPerPage: number
  /** What sendBatch does besides; it is noted as sent afterwards. */
  onSend?: (input: SendBatchInput, n: number) => Promise<SendBatchResult | undefined>
  /** Whether sendBatch heartbeats, as it does by default; else Temporal gives an attempt up after 5 s. */
  heartbeats?: boolean
  refuseFreeze?: string
  quotaProblem?: string
  /** Batches that stay unresolved in round 0. */
  unresolvedInRoundZero?: number
  /** Before a round; default 10. */
  roundDelayMs?: number
  /** Before the work of an activity: what it throws fails the attempt, what it waits for holds it up. */
  before?: (
    activity: 'freezeAudience' | 'checkQuota' | 'prepareQueues' | 'closeLedger' | 'reconcile',
  ) => Promise<void> | void
  /** Reconciliations that find plan and outcomes at odds before one is exact. */
  disagreements?: number
  /** What recordPage does before the page is noted as recorded. */
  onRecord?: (page: string) => Promise<void>
}

export function createFakeActivities(options: FakeOptions) {
  const delivery: FakeDelivery = {
    gate: { position: 'open', seq: 0 },
    gates: [],
    move(to, { by, why, ifSeq }) {
      if (ifSeq !== undefined && ifSeq !== delivery.gate.seq) return delivery.gate
      const isLast = delivery.gate.position === 'cancelled' || delivery.gate.position === to
      if (!isLast) {
        delivery.gate = { position: to, seq: delivery.gate.seq + 1, by, why }
        delivery.gates.push(delivery.gate)
      }
      return delivery.gate
    },
    phases: [],
    sent: [],
    recordedPages: [],
    ended: undefined,
    closedBecause: undefined,
  }
  /** By activity, for a test may hold a send for longer than Temporal waits for an attempt. */
  const underWay = new Map<string, Promise<SendBatchResult>>()
  let left = options.unresolvedInRoundZero ?? 0
  let sends = 0
  let disagreements = options.disagreements ?? 0
  const planned = (options.pages.multicast + options.pages.push) * options.batchesPerPage

  async function send(input: SendBatchInput): Promise<SendBatchResult> {
    if (delivery.gate.position !== 'open') return { kind: 'held', gate: delivery.gate }
    const told = await options.onSend?.(input, ++sends)
    if (told) return told
    delivery.sent.push(input)
    const unresolvedRequests = input.round === 0 && input.batchNo < left ? 1 : 0
    return { kind: 'finished', finalRecipients: 1, unresolvedRequests }
  }

  /** Sends once, however often Temporal tries: an attempt beside a slow one waits for it. Only a failure is repeated. */
  async function sendOnce(input: SendBatchInput): Promise<SendBatchResult> {
    const { workflowExecution, activityId } = activityInfo()
    const name = `${workflowExecution?.runId}/${activityId}`
    const sending = underWay.get(name) ?? send(input)
    underWay.set(name, sending)
    try {
      return await sending
    } catch (error) {
      underWay.delete(name)
      throw error
    }
  }

  const activities: AllActivities = {
    async freezeAudience() {
      await options.before?.('freezeAudience')
      if (options.refuseFreeze !== undefined) return { kind: 'refused', why: options.refuseFreeze }
      return {
        kind: 'frozen',
        planned,
        requests: { multicast: planned, push: 0 },
        recipients: { multicast: planned, push: 0 },
      }
    },
    moveGate: async ({ to, ...facts }) => delivery.move(to, facts),
    readGate: async () => delivery.gate,
    async setPhase({ phase }) {
      delivery.phases.push(phase)
    },
    async endDelivery({ state, reason }) {
      delivery.ended = { state, ...(reason !== undefined && { reason }) }
    },
    async prepareQueues() {
      await options.before?.('prepareQueues')
    },
    async checkQuota() {
      await options.before?.('checkQuota')
      return options.quotaProblem ?? null
    },
    async openPage({ pageNo, round }) {
      const first = pageNo * options.batchesPerPage
      const batches =
        round === 0
          ? Array.from({ length: options.batchesPerPage }, (_, i) => first + i)
          : Array.from({ length: left }, (_, i) => i)
      return { batches, gate: delivery.gate }
    },
    async recordPage({ lane, round, pageNo }) {
      const page = `${lane}/${round}-${pageNo}`
      await options.onRecord?.(page)
      delivery.recordedPages.push(page)
    },
    async countPages({ round }) {
      return round === 0 ? options.pages : { multicast: 1, push: 0 }
    },
    findStanding: async () => null,
    planRound: async ({ round }) => ({
      batches: round === 1 ? left : 0,
      delayMs: options.roundDelayMs ?? 10,
    }),
    async sendBatch(input) {
      const context = Context.current()
      const beats = options.heartbeats ?? true
      const beat = beats ? setInterval(() => context.heartbeat(), beatEveryMs) : undefined
      // A test that fails may hold a send for good; its worker ends all the same, so that one hears why it failed.
      const { promise: workerEnds, reject } = Promise.withResolvers<never>()
      context.cancellationSignal.addEventListener('abort', () => {
        if (context.cancellationDetails?.workerShutdown) reject(new Error('The worker ends.'))
      })
      try {
        return await Promise.race([sendOnce(input), workerEnds])
      } finally {
        clearInterval(beat)
      }
    },
    async closeLedger({ why }) {
      await options.before?.('closeLedger')
      delivery.closedBecause = why
    },
    async reconcile() {
      await options.before?.('reconcile')
      if (disagreements-- > 0) return { kind: 'differs', why: 'The account does not add up.' }
      const accepted = new Set(delivery.sent.map(({ lane, batchNo }) => `${lane}/${batchNo}`)).size
      return { kind: 'exact', account: { ...emptyAccount, planned, accepted } }
    },
    materialiseLog: async () => ({ rows: planned }),
  }
  left = options.unresolvedInRoundZero ?? 0
  return { activities, delivery }
}
