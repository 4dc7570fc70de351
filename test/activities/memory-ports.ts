// Ports in memory for tests of activities: a ledger that keeps the store's rules, and a LINE that answers as told.
import { BodiesDiffer, CancelledBefore, type LedgerRecords } from '../../domain/ledger.ts'
import { type Gate } from '../../domain/delivery.ts'
import { type ActivityDeps } from '../../activities/ports.ts'
import { type LineAnswer, type LineCall } from '../../line/port.ts'
import { type AcceptedPiece } from '../../store/ledger.ts'
import { type Permit } from '../../store/permits.ts'
import { type SplitPause } from '../../store/split-budget.ts'
import { type PlannedRequest } from '../../warehouse/port.ts'

type Ledger = ActivityDeps['store']['ledger']

export interface MemoryLedger extends Pick<
  Ledger,
  | 'beginAttempt'
  | 'takePermit'
  | 'merge'
  | 'calledBelow'
  | 'noteThrottles'
  | 'findAccepted'
  | 'hasAccepted'
  | 'splitCost'
> {
  records: LedgerRecords
  attempts: number
  gate: Gate
  /** Permits to answer before granting. */
  permits: Permit[]
  /** Set to make merges fail, as when PostgreSQL is away. */
  isAway: boolean
  /** Told to the next attempts. */
  earlierCallsEndInMs: number
  /** Told with each permit. */
  callsPerSecond: number
  /** Calls answered 429 that were noted. */
  throttles: number
  /** A piece of another batch that LINE has accepted. */
  acceptedElsewhere: AcceptedPiece | undefined
  /** As a pause for it notes it. */
  startSplitBudget(spent: SplitPause): void
  splitBudget: { callsBefore: number; wholeRequests: number[] }
}

/** One batch's ledger, with `first_call_at` at the first attempt and no wait for earlier calls. */
export function createMemoryLedger(now: () => number): MemoryLedger {
  let digest: string | undefined
  const begunAt: number[] = []
  const calledBelow: number[] = []
  const ledger: MemoryLedger = {
    records: {},
    attempts: 0,
    gate: { position: 'open', seq: 0 },
    permits: [],
    isAway: false,
    earlierCallsEndInMs: 0,
    callsPerSecond: 100_000,
    throttles: 0,
    acceptedElsewhere: undefined,
    splitBudget: { callsBefore: 0, wholeRequests: [] },
    beginAttempt: async ({ bodyDigest }) => {
      if (ledger.gate.position === 'cancelled') throw new CancelledBefore(ledger.gate)
      if (digest !== undefined && digest !== bodyDigest) throw new BodiesDiffer('other bodies')
      digest = bodyDigest
      ledger.attempts += 1
      begunAt.push(now())
      calledBelow.push(0)
      return {
        attemptNo: ledger.attempts,
        records: structuredClone(ledger.records),
        attemptAgesMs: begunAt.map((at) => now() - at),
        earlierCallsEndInMs: ledger.earlierCallsEndInMs,
        calledBelow: calledBelow.slice(0, -1),
      }
    },
    takePermit: async ({ attemptNo }, { calls, belowRequest }) => {
      const told = ledger.permits.shift()
      if (told) return told
      if (ledger.gate.position !== 'open') return { answer: 'held', gate: ledger.gate }
      if (attemptNo < ledger.attempts) return { answer: 'superseded' }
      calledBelow[attemptNo - 1] = Math.max(calledBelow[attemptNo - 1] ?? 0, belowRequest)
      const { seq } = ledger.gate
      const pace = { startInMs: 0, callsPerSecond: ledger.callsPerSecond }
      return { answer: 'granted', calls, ...pace, gateSeq: seq, lowerings: 0 }
    },
    merge: async ({ attemptNo }, changes) => {
      if (ledger.isAway) throw new Error('The store is away.')
      for (const [name, record] of Object.entries(structuredClone(changes))) {
        const known = ledger.records[name]
        if (attemptNo < ledger.attempts && record.state !== 'accepted') continue
        if (known?.state === 'split') continue
        const mayChange = !known || known.state === 'in-doubt' || known.state === 'not-accepted'
        if (mayChange || (record.state === 'accepted' && known.state !== 'accepted'))
          ledger.records[name] = record
      }
    },
    calledBelow: async () => [...calledBelow],
    noteThrottles: async (_channel, _lane, { throttles }) => {
      ledger.throttles += throttles
    },
    findAccepted: async () => ledger.acceptedElsewhere,
    hasAccepted: async () =>
      Object.values(ledger.records).some(({ state }) => state === 'accepted'),
    splitCost: async () => {
      const records = Object.entries(ledger.records)
      return {
        ...ledger.splitBudget,
        calls: records.filter(
          ([name, { state, calls }]) => name.includes('/') && (state !== 'rejected' || calls !== 0),
        ).length,
        rejected: records.reduce(
          (sum, [, { state, recipients }]) => sum + (state === 'rejected' ? recipients : 0),
          0,
        ),
      }
    },
    startSplitBudget: ({ calls, wholeRequests }) => {
      ledger.splitBudget = {
        callsBefore: calls,
        wholeRequests: [...ledger.splitBudget.wholeRequests, ...wholeRequests],
      }
    },
  }
  return ledger
}

/** A LINE with a memory for retry keys: what it accepted once it answers with 409 from then on. */
export function createMemoryLine(
  script: (call: LineCall, n: number) => LineAnswer | 'lost' | 'ok',
) {
  const acceptedBy = new Map<string, string>()
  const received = new Map<string, number>()
  const calls: LineCall[] = []
  return {
    deadlineMs: 20,
    callsAtOnce: 512,
    prepare: async () => undefined,
    calls,
    /** How many accepted calls each user was in. */
    received,
    send: async (call: LineCall): Promise<LineAnswer> => {
      calls.push(call)
      const earlier = acceptedBy.get(call.retryKey)
      if (earlier !== undefined) return { kind: 'accepted-earlier', lineRequestId: earlier }
      const answer = script(call, calls.length)
      if (answer !== 'ok' && answer !== 'lost') return answer
      const lineRequestId = `request-${calls.length}`
      acceptedBy.set(call.retryKey, lineRequestId)
      for (const userId of call.to) received.set(userId, (received.get(userId) ?? 0) + 1)
      if (answer === 'lost') return { kind: 'in-doubt', reason: 'no answer', lineRequestId: null }
      return { kind: 'accepted', lineRequestId }
    },
  }
}

/** A plan of one batch of multicasts, `sizes` recipients each. */
export function planOf(sizes: readonly number[]): PlannedRequest[] {
  return sizes.map((size, requestNo) => ({
    requestNo,
    variables: '{}',
    userIds: Array.from({ length: size }, (_, i) => `U${requestNo}-${i}`),
  }))
}
