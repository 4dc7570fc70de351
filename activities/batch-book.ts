// The book of one attempt of a batch: which pieces are open, when each may be called, what is yet to be merged.
import {
  isFinal,
  keyUsableForMs,
  mayHaveBeenAccepted,
  type LedgerRecord,
  type LedgerRecords,
  type Piece,
  pieceName,
  pieceOf,
} from '../domain/ledger.ts'
import { callsPerRound } from './after-answer.ts'
import { withLiveKey } from './live-key.ts'
import { type RenderedBatch } from './rendered-batch.ts'

/** Most by which the clocks of two workers, or of one and PostgreSQL, are believed to differ. */
const clockSkewMs = 600_000

export interface OpenPiece {
  piece: Piece
  /** By the steady clock; until then calls of an earlier attempt may be on the wire. */
  notBefore: number
}

export interface BatchBook {
  /** Takes out up to `most` pieces that could be called at this time, by the steady clock. */
  take(most: number, time: number): OpenPiece[]
  /** Above the number of every request that `take` would take a piece of. */
  belowRequest: (most: number, time: number) => number
  /** How many may be called now. */
  readyCount(): number
  /** When the next one may be called; undefined where none is open. */
  nextReadyAt(): number | undefined
  /** Puts a piece back, or parts of one in; a piece that has had its calls of this round is left to the rounds. */
  put(piece: Piece, notBefore: number): void
  recordOf(piece: Piece): LedgerRecord
  /** Everything that is known, by `pieceName`. */
  records(): LedgerRecords
  /** Keeps a change in memory until it is merged. */
  change(changes: LedgerRecords): void
  /** Changes since the last call of this. */
  takeChanges(): LedgerRecords
  /** Takes back changes that could not be merged; what has changed since stays as it is. */
  putBack(taken: LedgerRecords): void
  /**
   * Notes every open record as settled by this attempt, which starts no further call: what LINE definitely
   * did not accept need not be taken as in doubt by the next attempt.
   */
  settle(): void
  finalRecipients(): number
  unresolvedRequests(): number
}

/**
 * Opens the book from what the ledger has.
 * A request for which an earlier attempt had a permit, and that has no record, is in doubt.
 */
export function openBatchBook(options: {
  batch: RenderedBatch
  records: LedgerRecords
  round: number
  attemptNo: number
  attemptAgesMs: readonly number[]
  earlierCallsEndInMs: number
  /** Of each earlier attempt, from the first: none of its permits was for a request of that number or above. */
  calledBelow: readonly number[]
  /** Milliseconds since the epoch. */
  now: () => number
  steadyNow: () => number
}): BatchBook {
  const { batch, round, attemptNo, steadyNow } = options
  const openedAt = options.now()
  const readyAt = steadyNow()
  const at = new Date(openedAt).toISOString()
  const records = new Map<string, LedgerRecord>(Object.entries(options.records))
  let changed: LedgerRecords = {}
  let open: OpenPiece[] = []

  const isSpent = (record: LedgerRecord) =>
    record.round === round && (record.calls ?? 0) >= callsPerRound

  function note(name: string, record: LedgerRecord): void {
    records.set(name, record)
    changed[name] = record
  }

  for (const { requestNo, userIds, skippedBecause } of batch.requests.values()) {
    const whole = { requestNo, fromOrdinal: 0, toOrdinal: userIds.length, isSplit: false }
    const name = pieceName(whole)
    if (records.has(name)) continue
    const blank: LedgerRecord = {
      state: 'not-accepted',
      recipients: userIds.length,
      fromOrdinal: 0,
      toOrdinal: userIds.length,
      round,
      generation: 0,
      at,
    }
    if (skippedBecause !== null) note(name, { ...blank, state: 'skipped', reason: skippedBecause })
    // Not noted in the ledger: whether it was called the next attempt learns from this one's permits.
    else records.set(name, blank)
  }
  for (const [name, record] of records) {
    if (isFinal(record) || record.state === 'split') continue
    // What attempt k settled can first have been called again when attempt k + 1 began.
    const nextBeganAt = openedAt - (options.attemptAgesMs[record.settledBy ?? 0] ?? 0)
    // Its key was dead by then, and a new generation would have been recorded before its first call.
    const isKeyUnused =
      record.state === 'not-accepted' &&
      record.settledBy !== undefined &&
      record.firstCallAt !== undefined &&
      nextBeganAt - Date.parse(record.firstCallAt) > keyUsableForMs + clockSkewMs
    const piece = pieceOf(name, record)
    const isInDoubt =
      !isKeyUnused && mayHaveBeenAccepted(record, piece.requestNo, options.calledBelow)
    const current: LedgerRecord = record.round === round ? record : { ...record, round, calls: 0 }
    const known: LedgerRecord = isInDoubt
      ? {
          firstCallAt: new Date(nextBeganAt).toISOString(),
          ...current,
          state: 'in-doubt',
          everInDoubt: true,
          refusals: 0,
        }
      : current
    const live = withLiveKey(known, openedAt)
    // A new generation must be on record before a permit for its first call is asked for: see `callPieces`.
    if (live.isChanged && live.isCallable) note(name, live.record)
    else records.set(name, known)
    if (isSpent(known)) continue
    open.push({
      piece,
      // Calls of an earlier attempt may still be on the wire until then, with the same key.
      notBefore: isInDoubt ? readyAt + Math.max(0, options.earlierCallsEndInMs) : readyAt,
    })
  }

  // In order, so that a permit for a few calls leaves the rest of the batch above its number.
  open.sort((one, other) => one.piece.requestNo - other.piece.requestNo)

  return {
    belowRequest(most, time) {
      let below = 0
      let left = most
      for (const { piece, notBefore } of open) {
        if (left === 0) break
        if (notBefore > time) continue
        below = Math.max(below, piece.requestNo + 1)
        left -= 1
      }
      return below
    },
    take(most, time) {
      const taken: OpenPiece[] = []
      const left: OpenPiece[] = []
      for (const item of open)
        (item.notBefore <= time && taken.length < most ? taken : left).push(item)
      open = left
      return taken
    },
    readyCount() {
      const time = steadyNow()
      return open.reduce((count, { notBefore }) => count + (notBefore <= time ? 1 : 0), 0)
    },
    nextReadyAt: () =>
      open.length === 0 ? undefined : Math.min(...open.map(({ notBefore }) => notBefore)),
    put(piece, notBefore) {
      const record = records.get(pieceName(piece))
      if (!record) throw new Error(`Piece ${pieceName(piece)} has no record.`)
      if (!isSpent(record)) open.push({ piece, notBefore })
    },
    recordOf(piece) {
      const record = records.get(pieceName(piece))
      if (!record) throw new Error(`Piece ${pieceName(piece)} has no record.`)
      return record
    },
    records: () => Object.fromEntries(records),
    change(changes) {
      for (const [name, record] of Object.entries(changes)) note(name, record)
    },
    takeChanges() {
      const taken = changed
      changed = {}
      return taken
    },
    putBack(taken) {
      changed = { ...taken, ...changed }
    },
    settle() {
      for (const [name, record] of records)
        if (record.state === 'not-accepted') note(name, { ...record, settledBy: attemptNo })
    },
    finalRecipients() {
      let sum = 0
      for (const record of records.values()) if (isFinal(record)) sum += record.recipients
      return sum
    },
    unresolvedRequests() {
      const requests = new Set<number>()
      for (const [name, record] of records)
        if (!isFinal(record) && record.state !== 'split')
          requests.add(pieceOf(name, record).requestNo)
      return requests.size
    },
  }
}
