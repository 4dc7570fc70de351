// However changes of a table come, they keep to its limits, and none waits longer than they ask for.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChangeLimit, nextChangeAt } from '../../domain/change-limit.ts'

const dayMs = 24 * 60 * 60 * 1000
/** As loads of outcomes have it. */
const limit: ChangeLimit = { burst: 1, burstMs: 2_500, beforeSlow: 500, slowMs: 100_000 }

/** Moments for which changes are allowed to who asks after these waits, one after the other. */
function allowed(waitsMs: readonly number[]): number[] {
  const moments: number[] = []
  let now = 1_000_000
  for (const waitMs of waitsMs) {
    now += waitMs
    moments.push(nextChangeAt(moments, now, limit))
  }
  return moments
}

function mostWithin(moments: readonly number[], ms: number): number {
  let first = 0
  return moments.reduce((most, at, n) => {
    while (at - (moments[first] ?? at) >= ms) first += 1
    return Math.max(most, n - first + 1)
  }, 0)
}

test('changes that are wanted without end are some in each burst, and few in a day', () => {
  const moments = allowed(Array.from({ length: 3_000 }, () => 0))
  expect(moments.slice(0, 6)).toEqual(
    [0, 2_500, 5_000, 7_500, 10_000, 12_500].map((ms) => 1_000_000 + ms),
  )
  expect(mostWithin(moments, 10_000)).toBe(4)
  expect(mostWithin(moments, dayMs)).toBeLessThanOrEqual(1_365)
  expect(mostWithin(moments, dayMs)).toBeGreaterThan(1_300)
})

test('however they come, no span holds more than it may, and they are allowed in the order they were asked for', () => {
  const wait = fc.oneof(
    fc.integer({ min: 0, max: 1_000 }),
    fc.integer({ min: 0, max: 200_000 }),
    fc.integer({ min: 0, max: dayMs }),
  )
  const waits = fc
    .array(fc.tuple(wait, fc.integer({ min: 1, max: 400 })), { maxLength: 12 })
    .map((runs) => runs.flatMap(([ms, times]) => Array.from({ length: times }, () => ms)))
  fc.assert(
    fc.property(waits, (waitsMs) => {
      const moments = allowed(waitsMs)
      expect(moments).toEqual(moments.toSorted((a, b) => a - b))
      expect(mostWithin(moments, limit.burstMs)).toBeLessThanOrEqual(limit.burst)
      // What BigQuery takes is five.
      expect(mostWithin(moments, 10_000)).toBeLessThanOrEqual(4)
      expect(mostWithin(moments, dayMs)).toBeLessThanOrEqual(1_365)
    }),
    { numRuns: 60 },
  )
})
