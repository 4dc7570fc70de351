// Permits end by a clock that nobody sets.
import { expect, test } from 'vitest'
import { createSteadyClock } from '../../activities/steady-clock.ts'
import { createMemoryLine } from './memory-ports.ts'
import { oneBatch } from './one-batch.ts'

function settable() {
  const at = { wall: 1_000_000, monotonic: 0 }
  const now = createSteadyClock({ wallNow: () => at.wall, monotonicNow: () => at.monotonic })
  const pass = (ms: number, monotonicMs = ms) => {
    at.wall += ms
    at.monotonic += monotonicMs
    return now()
  }
  return { at, pass }
}

test('a wall clock that is set back takes nothing off', () => {
  const { at, pass } = settable()
  expect(pass(100)).toBe(100)
  at.wall -= 3_600_000
  expect(pass(100)).toBe(200)
  expect(pass(100)).toBe(300)
})

test('what a machine slept counts as gone by', () => {
  const { pass } = settable()
  expect(pass(60_000, 0)).toBe(60_000)
  expect(pass(100)).toBe(60_100)
})

test('reading it often makes it go no faster', () => {
  const { at, pass } = settable()
  for (let i = 0; i < 1_000; i++) {
    at.wall += i % 2
    at.monotonic += 0.5
    pass(0)
  }
  expect(pass(0)).toBe(500)
})

test('no call starts under a permit that is over, though the wall clock was set back meanwhile', async () => {
  const line = createMemoryLine(() => {
    batch.clock.offsetMs = -60_000
    return 'ok'
  })
  const batch = oneBatch({ sizes: [1, 1, 1, 1, 1], line })
  // Five calls at two a second would take two seconds; a permit lives for one.
  const pace = { startInMs: 0, callsPerSecond: 2 }
  batch.ledger.permits.push({ answer: 'granted', calls: 5, ...pace, gateSeq: 0, lowerings: 0 })
  const { takePermit } = batch.ledger
  const callsWhenAsked: number[] = []
  batch.ledger.takePermit = (...asked) => {
    callsWhenAsked.push(line.calls.length)
    return takePermit(...asked)
  }
  expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 5 })
  expect(callsWhenAsked[1]).toBeLessThanOrEqual(3)
})
