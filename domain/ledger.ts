// The ledger's records: what is known of each request, or of each part of one that was split.
import { type Gate } from './delivery.ts'
import { type Outcome } from './outcome.ts'

/** LINE forgets a retry key after 24 h (LINE docs, "Retrying an API request"); an hour is kept as a margin. */
export const keyUsableForMs = 23 * 3_600_000

/**
 * Part of a request: the recipients `[fromOrdinal, toOrdinal)`.
 * A request that was never split is one piece with all its recipients.
 */
export interface Piece {
  requestNo: number
  fromOrdinal: number
  toOrdinal: number
  /** Whether it is the result of a split, so that its range is part of its key. */
  isSplit: boolean
}

/** States that are no outcome yet. */
export type OpenState =
  /** A call was started and its answer isn't known. */
  | 'in-doubt'
  /** Every call so far was definitely not accepted. */
  | 'not-accepted'
  /** Refused as a whole; its parts stand beside it and it is never called again. */
  | 'split'

/** What is recorded of one piece. */
export interface LedgerRecord {
  state: Outcome | OpenState
  recipients: number
  fromOrdinal: number
  toOrdinal: number
  /** The round in which the state was reached: a part in the warehouse holds one round's outcomes. */
  round: number
  /** Generation of the retry key; 0 is the first. */
  generation: number
  /** ISO instant of the last change. */
  at: string
  /** ISO instant of the first call with this generation's key; absent where none was started. */
  firstCallAt?: string
  lineRequestId?: string
  reason?: string
  /** Calls started so far with this key. */
  calls?: number
  /** Whether any call was ever in doubt: such a piece may only be split after a second refusal. */
  everInDoubt?: boolean
  /** Refusals seen that named nobody, or one recipient. */
  refusals?: number
  /**
   * Number of the gate under which LINE last refused the content of this piece. Refused again under a later one, a
   * person has seen it and resumed.
   */
  contentRefusedAtGate?: number
  /**
   * The attempt that ended in order with this record still open. `not-accepted` is only to be trusted where
   * this is the batch's last attempt: a later one may have called again and died before it could say so.
   */
  settledBy?: number
}

/** Records of one batch, by `pieceName`. */
export type LedgerRecords = Record<string, LedgerRecord>

/** The name of a piece in its batch: `17`, or `17/0-250` for a part. */
export function pieceName(piece: Piece): string {
  return piece.isSplit
    ? `${piece.requestNo}/${piece.fromOrdinal}-${piece.toOrdinal}`
    : `${piece.requestNo}`
}

/** The piece that a record stands for. */
export function pieceOf(name: string, record: LedgerRecord): Piece {
  const [requestNo] = name.split('/')
  return {
    requestNo: Number(requestNo),
    fromOrdinal: record.fromOrdinal,
    toOrdinal: record.toOrdinal,
    isSplit: name.includes('/'),
  }
}

/** Whether a record is one of the five outcomes. */
export function isFinal(record: LedgerRecord): record is LedgerRecord & { state: Outcome } {
  return record.state !== 'in-doubt' && record.state !== 'not-accepted' && record.state !== 'split'
}

/** Whether a record says that somebody can't be reached, as a campaign's limit counts it. */
export function isFailure({ state }: LedgerRecord): boolean {
  return state === 'rejected' || state === 'skipped' || state === 'unknown'
}

/**
 * Whether a call of a request, or of a part of it, may have been accepted without our knowing.
 * @param record undefined where none was merged
 * @param calledBelow of the batch's attempts that are over, one way or the other, from the first: none of its calls was
 *   for a request of that number or above. What an attempt settled before it ended in order only later ones can have
 *   called.
 */
export function mayHaveBeenAccepted(
  record: Pick<LedgerRecord, 'state' | 'settledBy'> | undefined,
  requestNo: number,
  calledBelow: readonly number[],
): boolean {
  if (record?.state === 'in-doubt') return true
  return calledBelow.slice(record?.settledBy ?? 0).some((below) => requestNo < below)
}

/** An attempt rendered other bodies than the first one did, or belongs to another plan: sending would be no resend. */
export class BodiesDiffer extends Error {
  override readonly name = 'BodiesDiffer'
}

/** The delivery was cancelled before the attempt began: its ledger is closed, or will be without it. */
export class CancelledBefore extends Error {
  override readonly name = 'CancelledBefore'
  readonly gate: Gate

  constructor(gate: Gate) {
    super('The delivery was cancelled before this attempt began.')
    this.gate = gate
  }
}
