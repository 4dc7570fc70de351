// Activities in memory for tests of workflows: a delivery whose store is a few variables.
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

type AllActivities = CloseActivities &
  FreezeActivities &
  OperateActivities &
  PageActivities &
  SendActivities

export interface FakeDelivery {
  gate: Gate
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
  refuseFreeze?: string
  quotaProblem?: string
  /** Batches that stay unresolved in round 0. */
  unresolvedInRoundZero?: number
}

export function createFakeActivities(options: FakeOptions) {
  const delivery: FakeDelivery = {
    gate: { position: 'open', seq: 0 },
    phases: [],
    sent: [],
    recordedPages: [],
    ended: undefined,
    closedBecause: undefined,
  }
  let left = options.unresolvedInRoundZero ?? 0
  let sends = 0
  const planned = (options.pages.multicast + options.pages.push) * options.batchesPerPage

  const activities: AllActivities = {
    async freezeAudience() {
      if (options.refuseFreeze !== undefined) return { kind: 'refused', why: options.refuseFreeze }
      return {
        kind: 'frozen',
        planned,
        requests: { multicast: planned, push: 0 },
        recipients: { multicast: planned, push: 0 },
      }
    },
    async moveGate({ to, by, why, ifSeq }) {
      if (ifSeq !== undefined && ifSeq !== delivery.gate.seq) return delivery.gate
      const isLast = delivery.gate.position === 'cancelled' || delivery.gate.position === to
      if (!isLast) delivery.gate = { position: to, seq: delivery.gate.seq + 1, by, why }
      return delivery.gate
    },
    readGate: async () => delivery.gate,
    async setPhase({ phase }) {
      delivery.phases.push(phase)
    },
    async endDelivery({ state, reason }) {
      delivery.ended = { state, ...(reason !== undefined && { reason }) }
    },
    prepareQueues: async () => undefined,
    checkQuota: async () => options.quotaProblem ?? null,
    async openPage({ pageNo, round }) {
      const first = pageNo * options.batchesPerPage
      const batches =
        round === 0
          ? Array.from({ length: options.batchesPerPage }, (_, i) => first + i)
          : Array.from({ length: left }, (_, i) => i)
      return { batches, gate: delivery.gate }
    },
    async recordPage({ lane, round, pageNo }) {
      delivery.recordedPages.push(`${lane}/${round}-${pageNo}`)
    },
    async countPages({ round }) {
      return round === 0 ? options.pages : { multicast: 1, push: 0 }
    },
    planRound: async ({ round }) => ({ batches: round === 1 ? left : 0, delayMs: 10 }),
    async sendBatch(input) {
      if (delivery.gate.position !== 'open') return { kind: 'held', gate: delivery.gate }
      const told = await options.onSend?.(input, ++sends)
      if (told) return told
      delivery.sent.push(input)
      const unresolvedRequests = input.round === 0 && input.batchNo < left ? 1 : 0
      return { kind: 'finished', finalRecipients: 1, unresolvedRequests }
    },
    async closeLedger({ why }) {
      delivery.closedBecause = why
    },
    async reconcile() {
      const accepted = new Set(delivery.sent.map(({ lane, batchNo }) => `${lane}/${batchNo}`)).size
      return { kind: 'exact', account: { ...emptyAccount, planned, accepted } }
    },
    materialiseLog: async () => ({ rows: planned }),
  }
  left = options.unresolvedInRoundZero ?? 0
  return { activities, delivery }
}
