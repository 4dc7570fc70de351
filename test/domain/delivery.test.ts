import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Gate, laterGate, shownState } from '../../domain/delivery.ts'
import { mayHaveBeenAccepted, pieceName, pieceOf, type LedgerRecord } from '../../domain/ledger.ts'
import { addsUp, emptyAccount } from '../../domain/outcome.ts'

test('late news of the gate never replaces newer news', () => {
  const gate = fc.record({
    position: fc.constantFrom<Gate['position']>('open', 'paused', 'cancelled'),
    seq: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(gate, { minLength: 1 }), (news) => {
      const last = news.reduce(laterGate)
      expect(last.seq).toBe(Math.max(...news.map(({ seq }) => seq)))
    }),
  )
})

test('an ended delivery shows its end, whatever its gate says', () => {
  expect(shownState({ phase: 'done', gate: 'paused', isInterrupted: true })).toBe('done')
})

test('an open delivery shows interrupted before cancelling, cancelling before paused, paused before its phase', () => {
  const phase = 'sending'
  expect(shownState({ phase, gate: 'cancelled', isInterrupted: true })).toBe('interrupted')
  expect(shownState({ phase, gate: 'cancelled', isInterrupted: false })).toBe('cancelling')
  expect(shownState({ phase, gate: 'paused', isInterrupted: false })).toBe('paused')
  expect(shownState({ phase, gate: 'open', isInterrupted: false })).toBe('sending')
})

test('an account adds up only where the five outcomes make the plan', () => {
  expect(addsUp({ ...emptyAccount, planned: 3, accepted: 2, unknown: 1 })).toBe(true)
  expect(addsUp({ ...emptyAccount, planned: 3, accepted: 2 })).toBe(false)
})

test('a piece is found again by its name', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat(400),
      fc.integer({ min: 1, max: 100 }),
      fc.boolean(),
      (no, from, size, isSplit) => {
        const piece = { requestNo: no, fromOrdinal: from, toOrdinal: from + size, isSplit }
        const record: LedgerRecord = {
          state: 'not-accepted',
          recipients: size,
          fromOrdinal: from,
          toOrdinal: from + size,
          round: 0,
          generation: 0,
          at: '2026-01-01T00:00:00.000Z',
        }
        expect(pieceOf(pieceName(piece), record)).toEqual(piece)
      },
    ),
  )
})

test('"not accepted" is believed where no attempt since had a permit for the request', () => {
  const record: LedgerRecord = {
    state: 'not-accepted',
    recipients: 1,
    fromOrdinal: 0,
    toOrdinal: 1,
    round: 0,
    generation: 0,
    at: '2026-01-01T00:00:00.000Z',
  }
  expect(mayHaveBeenAccepted(record, 7, [8])).toBe(true)
  expect(mayHaveBeenAccepted(record, 7, [7])).toBe(false)
  expect(mayHaveBeenAccepted(record, 7, [0, 9, 0])).toBe(true)
  expect(mayHaveBeenAccepted({ ...record, settledBy: 1 }, 7, [20, 8])).toBe(true)
  expect(mayHaveBeenAccepted({ ...record, settledBy: 1 }, 7, [20, 7])).toBe(false)
  expect(mayHaveBeenAccepted({ ...record, settledBy: 2 }, 7, [20, 20])).toBe(false)
  expect(mayHaveBeenAccepted({ ...record, settledBy: 2, state: 'in-doubt' }, 7, [0, 0])).toBe(true)
  expect(mayHaveBeenAccepted(undefined, 7, [])).toBe(false)
  expect(mayHaveBeenAccepted(undefined, 7, [7, 8])).toBe(true)
})
