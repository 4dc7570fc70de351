import { describe, expect, test } from 'vitest'
import { type LedgerRecord, type LedgerRecords } from '../../domain/ledger.ts'
import { refusedAsAWhole, splitBudgetOf } from '../../activities/split-budget.ts'

function record(state: LedgerRecord['state'], from: number, to: number): LedgerRecord {
  return {
    state,
    recipients: to - from,
    fromOrdinal: from,
    toOrdinal: to,
    round: 0,
    generation: 0,
    at: '2026-01-01T00:00:00.000Z',
  }
}

/** Request 0, refused and split into halves again and again, until the parts are no larger than so many recipients. */
function halved(size: number, smallest: number): LedgerRecords {
  const records: LedgerRecords = { '0': record('split', 0, size) }
  const split = (from: number, to: number) => {
    const middle = Math.floor((from + to) / 2)
    for (const [a, b] of [
      [from, middle],
      [middle, to],
    ] as const) {
      const isOpen = b - a <= smallest
      records[`0/${a}-${b}`] = record(isOpen ? 'not-accepted' : 'split', a, b)
      if (!isOpen) split(a, b)
    }
  }
  split(0, size)
  return records
}

describe('a request is refused as a whole', () => {
  test('when each sixteenth of it was refused, after 30 calls of 500', () => {
    expect(refusedAsAWhole(halved(500, 16), 0)).toBe(30)
    expect(refusedAsAWhole(halved(500, 32), 0)).toBe(0)
  })

  test('never when a part of it was accepted', () => {
    const records = halved(500, 16)
    records['0/0-15'] = record('accepted', 0, 15)
    expect(refusedAsAWhole(records, 0)).toBe(0)
  })

  test('when it is small, only when everybody was refused alone', () => {
    expect(refusedAsAWhole(halved(20, 1), 0)).toBe(0)
    const records = halved(20, 1)
    for (const [name, one] of Object.entries(records))
      if (one.recipients === 1) records[name] = { ...one, state: 'rejected' }
    expect(refusedAsAWhole(records, 0)).toBe(38)
  })

  test('not when LINE has named a hundred one after the other', () => {
    const records: LedgerRecords = { '0': record('split', 0, 500) }
    for (let n = 0; n < 100; n++) {
      records[`0/${n}-${n + 1}`] = record('rejected', n, n + 1)
      records[`0/${n + 1}-500`] = record(n < 99 ? 'split' : 'not-accepted', n + 1, 500)
    }
    expect(refusedAsAWhole(records, 0)).toBe(0)
  })
})

test('splitting may cost 2 % of the calls of a lane, and 200 calls in any case', () => {
  expect([0, 10, 10_000, 20_000, 100_000].map(splitBudgetOf)).toEqual([200, 200, 200, 400, 2_000])
})
