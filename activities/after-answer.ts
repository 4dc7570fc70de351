// The rule of what follows an answer of LINE: which records change, and what happens to the piece next.
import { type LedgerRecord, type LedgerRecords, type Piece, pieceName } from '../domain/ledger.ts'
import { type LineAnswer } from '../line/port.ts'
import { type OrderOfChecks } from './order-of-checks.ts'

/** A piece, what is known of it, and the circumstances of the call that was answered. */
export interface AnsweredCall {
  piece: Piece
  record: LedgerRecord
  answer: LineAnswer
  /** ISO instant of the answer. */
  at: string
  /** Number of the gate under which the call was permitted. */
  gateSeq: number
}

/** What else an answer may hang on; needed only where `hangsOnOrder` and `hangsOnLane` say so. */
export interface Circumstances {
  order: OrderOfChecks
  /** Whether LINE has accepted anything on this lane of the delivery. */
  hasLaneAccepted: boolean
}

/** What to do after an answer. */
export interface Consequence {
  /** To be merged into the ledger. */
  changes: LedgerRecords
  next:
    | { kind: 'done' }
    /** Same key again, not before `afterMs`. */
    | { kind: 'again'; afterMs: number }
    /** The parts of a refused request, none of a refused part that is one recipient; the ledger must hold them first. */
    | { kind: 'split'; parts: Piece[] }
    /** Needs a person: the delivery pauses with this reason. */
    | { kind: 'pause'; why: string }
}

/** Waits between tries of one piece, in ms; after the last the piece is left to the rounds. */
const backoffMs = [1_000, 2_000, 4_000, 8_000]

/** Most calls of one piece within one round (delivery-protocol 7: five tries, then rounds). */
export const callsPerRound = backoffMs.length + 1

type Refusal = Extract<LineAnswer, { kind: 'recipient-refused' | 'some-recipient-refused' }>

const isRefusal = (answer: LineAnswer): answer is Refusal =>
  answer.kind === 'recipient-refused' || answer.kind === 'some-recipient-refused'

/** Whether LINE refuses the content of a piece again, after a person has seen the refusal and resumed. */
export function hangsOnLane({ record, answer, gateSeq }: AnsweredCall): boolean {
  // While the gate was open it has moved only if it was paused and resumed in between.
  return answer.kind === 'content-refused' && (record.contentRefusedAtGate ?? gateSeq) < gateSeq
}

/** Whether what follows hangs on LINE's order of checks: a second refusal of what was ever in doubt. */
export function hangsOnOrder(call: AnsweredCall): boolean {
  const { record, answer } = call
  const mayEnd = isRefusal(answer) || hangsOnLane(call)
  return mayEnd && record.everInDoubt === true && (record.refusals ?? 0) > 0
}

/**
 * Applies delivery-protocol 7 to one answer.
 * @param deadlineMs the longest that a call can be on the wire: a request that was ever in doubt is
 *   split only after a second refusal that came later than this.
 */
export function afterAnswer(
  call: AnsweredCall,
  deadlineMs: number,
  { order, hasLaneAccepted }: Circumstances,
): Consequence {
  const { piece, record, answer, at } = call
  const name = pieceName(piece)
  const answered: LedgerRecord = { ...record, at }
  if ('lineRequestId' in answer && answer.lineRequestId !== null)
    answered.lineRequestId = answer.lineRequestId
  const tryAgain = (state: 'in-doubt' | 'not-accepted', reason: string, afterMs?: number) => ({
    changes: {
      [name]: {
        ...answered,
        // A later "not accepted" says nothing of an earlier call whose answer was lost.
        state: record.everInDoubt || state === 'in-doubt' ? 'in-doubt' : state,
        everInDoubt: (record.everInDoubt ?? false) || state === 'in-doubt',
        reason,
      } satisfies LedgerRecord,
    },
    next: {
      kind: 'again' as const,
      afterMs: afterMs ?? backoffMs[Math.min((record.calls ?? 1) - 1, backoffMs.length - 1)] ?? 0,
    },
  })
  const pause = (why: string): Consequence => ({
    ...tryAgain('not-accepted', why),
    next: { kind: 'pause', why },
  })
  /** What a refusal leaves open of a piece that was ever in doubt; undefined where it proves that nothing was accepted. */
  const doubtAfterRefusal = (refusals: number, reason: string): Consequence | undefined => {
    if (!record.everInDoubt) return undefined
    if (refusals < 2 || order === 'not-known') {
      const again = tryAgain('in-doubt', reason, deadlineMs)
      return {
        ...again,
        changes: { [name]: { ...again.changes[name], refusals } as LedgerRecord },
      }
    }
    if (order === 'key-first') return undefined
    const because = `${reason} An earlier call got no answer, and LINE refuses before it looks at the retry key.`
    return {
      changes: { [name]: { ...answered, state: 'unknown', refusals, reason: because } },
      next: { kind: 'done' },
    }
  }

  switch (answer.kind) {
    case 'accepted':
    case 'accepted-earlier': {
      const accepted: LedgerRecord = { ...answered, state: 'accepted' }
      delete accepted.reason
      return { changes: { [name]: accepted }, next: { kind: 'done' } }
    }
    case 'recipient-refused':
    case 'some-recipient-refused': {
      const refusals = (record.refusals ?? 0) + 1
      const doubt = doubtAfterRefusal(refusals, answer.reason)
      if (doubt) return doubt
      if (piece.toOrdinal - piece.fromOrdinal === 1) {
        return {
          changes: { [name]: { ...answered, state: 'rejected', refusals, reason: answer.reason } },
          next: piece.isSplit ? { kind: 'split', parts: [] } : { kind: 'done' },
        }
      }
      const parts = partsOf(piece, answer.kind === 'recipient-refused' ? answer.index : undefined)
      const changes: LedgerRecords = {
        [name]: { ...answered, state: 'split', refusals, reason: answer.reason },
      }
      for (const part of parts) changes[pieceName(part)] = partRecord(part, answered, answer)
      return {
        changes,
        next: {
          kind: 'split',
          parts: parts.filter((part) => changes[pieceName(part)]?.state === 'not-accepted'),
        },
      }
    }
    case 'throttled':
    case 'not-connected':
      return tryAgain('not-accepted', answer.reason)
    case 'in-doubt': {
      // A new doubt: what was refused before it says nothing of this call.
      const again = tryAgain('in-doubt', answer.reason)
      return {
        ...again,
        changes: { [name]: { ...again.changes[name], refusals: 0 } as LedgerRecord },
      }
    }
    case 'not-started':
      // No try at all: nothing is counted.
      return { changes: {}, next: { kind: 'again', afterMs: 0 } }
    case 'content-refused': {
      if (hangsOnLane(call) && hasLaneAccepted) {
        const refusals = (record.refusals ?? 0) + 1
        const rejected: LedgerRecord = { ...answered, state: 'rejected', refusals }
        return (
          doubtAfterRefusal(refusals, answer.reason) ?? {
            changes: { [name]: { ...rejected, reason: answer.reason } },
            next: { kind: 'done' },
          }
        )
      }
      answered.contentRefusedAtGate = call.gateSeq
      return pause(`LINE refuses the content: ${answer.reason}`)
    }
    case 'token-refused':
      return pause(`LINE refuses the channel's access token: ${answer.reason}`)
    case 'call-refused':
      return pause(`LINE refuses the call: ${answer.reason}`)
    case 'quota-reached':
      return pause(`The channel's monthly quota is reached: ${answer.reason}`)
  }
}

/** What is left of a refused piece: the one that LINE names by itself, or two halves. */
function partsOf(piece: Piece, index: number | undefined): Piece[] {
  const { requestNo, fromOrdinal, toOrdinal } = piece
  const cuts =
    index === undefined
      ? [fromOrdinal, Math.floor((fromOrdinal + toOrdinal) / 2), toOrdinal]
      : [fromOrdinal, fromOrdinal + index, fromOrdinal + index + 1, toOrdinal]
  return cuts.slice(1).flatMap((to, i) => {
    const from = cuts[i] ?? to
    return to > from ? [{ requestNo, fromOrdinal: from, toOrdinal: to, isSplit: true }] : []
  })
}

function partRecord(part: Piece, parent: LedgerRecord, answer: Refusal): LedgerRecord {
  const isNamed =
    answer.kind === 'recipient-refused' && part.fromOrdinal === parent.fromOrdinal + answer.index
  const record: LedgerRecord = {
    state: isNamed ? 'rejected' : 'not-accepted',
    recipients: part.toOrdinal - part.fromOrdinal,
    fromOrdinal: part.fromOrdinal,
    toOrdinal: part.toOrdinal,
    round: parent.round,
    generation: 0,
    at: parent.at,
    calls: 0,
  }
  if (isNamed) {
    record.reason = answer.reason
    if (parent.lineRequestId !== undefined) record.lineRequestId = parent.lineRequestId
  }
  return record
}
