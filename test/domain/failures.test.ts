// When a delivery is paused because too many can't be reached.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { areTooMany, fewestFailuresForPause } from '../../domain/failures.ts'

test.each([
  [10_000, 100_000, false],
  [10_001, 100_000, true],
  [99, 100, false],
  [100, 150, true],
])('with a limit of a tenth, that %i of %i are too many is %s', (failed, planned, isTooMany) => {
  expect(areTooMany({ failed, planned, pauseAtShare: 0.1, pausedAt: null })).toBe(isTooMany)
})

test('a pause that was resumed is repeated at twice as many, and so only a few times', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.integer({ min: 1, max: 500_000 }), { maxLength: 200 }),
      (planned, pauseAtShare, steps) => {
        let failed = 0
        let pausedAt: number | null = null
        let pauses = 0
        for (const step of steps) {
          failed = Math.min(planned, failed + step)
          if (!areTooMany({ failed, planned, pauseAtShare, pausedAt })) continue
          if (pausedAt !== null) expect(failed).toBeGreaterThanOrEqual(2 * pausedAt)
          expect(failed).toBeGreaterThan(planned * pauseAtShare)
          pausedAt = failed
          pauses += 1
        }
        const most = Math.log2(planned / fewestFailuresForPause) + 1
        expect(pauses).toBeLessThanOrEqual(Math.max(0, most))
        if (planned < fewestFailuresForPause) expect(pauses).toBe(0)
      },
    ),
  )
})
