// Any sequence of LINE's answers, with workers killed or cut off between any two steps: nobody lost, nobody twice.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hourMs, story, tell } from './told-story.ts'

// Heartbeats are not for faked timers, and the timers of this module are no part of what is faked.
vi.mock('../../activities/beating.ts', () => ({ beating: (work: () => unknown) => work() }))
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => globalThis.setTimeout(resolve, ms)),
}))

type Told = Awaited<ReturnType<typeof tell>>

/** Refused for what it says, and again after a person had seen that and resumed. */
const mayBeRejectedByContent = ({ line }: Pick<Told, 'line'>, userId: string) =>
  (line.contentRefused.get(userId) ?? 0) >= 2

/** What holds in every story. */
function expectExact({ ending, ledger, line, outcomes, refused, users }: Told): void {
  expect(line.collisions).toEqual([])
  for (const userId of users) {
    const times = line.received.get(userId) ?? 0
    const [outcome, ...more] = outcomes.get(userId) ?? ['none']
    expect({ userId, times: Math.min(times, 1), more }).toEqual({ userId, times, more: [] })
    if (outcome === 'accepted') expect({ userId, times }).toEqual({ userId, times: 1 })
    else if (outcome === 'rejected') {
      expect({ userId, times }).toEqual({ userId, times: 0 })
      if (!mayBeRejectedByContent({ line }, userId))
        expect(refused.map((one) => one.userId)).toContain(userId)
    } else if (outcome === 'unsent' || ledger.attempts === 0) {
      expect({ userId, times, ending }).toEqual({ userId, times: 0, ending: 'cancelled' })
    } else expect({ userId, outcome }).toEqual({ userId, outcome: 'unknown' })
  }
}

const count = (told: Told, outcome: string) =>
  [...told.outcomes.values()].filter(([one]) => one === outcome).length

describe('whatever LINE answers and wherever workers die', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.setTimerTickMode('nextTimerAsync')
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('everybody has one outcome that is true, and nobody is reached twice', async () => {
    await fc.assert(
      fc.asyncProperty(story([hourMs, 22 * hourMs, 25 * hourMs, 30 * hourMs]), async (one) => {
        expectExact(await tell(one))
      }),
      { numRuns: 1_000 },
    )
  })

  test('cancelled at any moment, whoever is said to be unsent was never reached', async () => {
    await fc.assert(
      fc.asyncProperty(story([hourMs, 22 * hourMs, 30 * hourMs]), async (one) => {
        expectExact(await tell(one, 'cancelled'))
      }),
      { numRuns: 500 },
    )
  })

  test('within a day, with the key looked at first, nobody is unknown', async () => {
    await fc.assert(
      fc.asyncProperty(story([]), async (one) => {
        const told = await tell({ ...one, order: 'key-first', isKeyAcceptedElsewhere: true })
        expectExact(told)
        expect(count(told, 'unknown')).toBe(0)
        const always = new Set(
          told.refused
            .filter(({ after, times }) => after === 0 && times === Infinity)
            .map(({ userId }) => userId),
        )
        for (const userId of always) expect(told.outcomes.get(userId)).toEqual(['rejected'])
      }),
      { numRuns: 200 },
    )
  })

  test('where LINE refuses nobody everybody is accepted within a day, in either order', async () => {
    await fc.assert(
      fc.asyncProperty(story([]), async (one) => {
        const told = await tell({ ...one, refused: [] })
        expectExact(told)
        for (const userId of told.users)
          if (!mayBeRejectedByContent(told, userId))
            expect(told.outcomes.get(userId)).toEqual(['accepted'])
      }),
      { numRuns: 200 },
    )
  })
})
