// Whether a piece may still be called with the key it has; see delivery-protocol 5.
import { keyUsableForMs, type LedgerRecord } from '../domain/ledger.ts'

export interface LiveKey {
  record: LedgerRecord
  /** False where the piece may never be called again. */
  isCallable: boolean
  /** The record is another than before: with a new generation it must be merged before the piece is called. */
  isChanged: boolean
}

/** A key past its usable age is never called again: in doubt becomes unknown, never accepted goes on under a new key. */
export function withLiveKey(record: LedgerRecord, now: number): LiveKey {
  const age = record.firstCallAt === undefined ? 0 : now - Date.parse(record.firstCallAt)
  if (age < keyUsableForMs) return { record, isCallable: true, isChanged: false }
  const at = new Date(now).toISOString()
  if (record.everInDoubt) {
    const reason = 'No answer within 23 hours of the first call; LINE forgets the retry key.'
    return {
      record: { ...record, state: 'unknown', at, reason },
      isCallable: false,
      isChanged: true,
    }
  }
  const next = { ...record, generation: record.generation + 1, at, firstCallAt: at }
  return { record: next, isCallable: true, isChanged: true }
}
