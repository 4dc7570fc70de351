// Any sequence of LINE's answers, with workers killed or cut off between any two steps: nobody lost, nobody twice.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isFinal, pieceOf } from '../../domain/ledger.ts'
import { retryKey } from '../../line/retry-key.ts'
import { createMemoryLedger, planOf } from './memory-ports.ts'
import { createModelLine, type Fate, fates, type Order, type Refused } from './model-line.ts'
import { deliveryId, input, sendingOver } from './one-batch.ts'

// Heartbeats are not for faked timers, and the timers of this module are no part of what is faked.
vi.mock('../../activities/beating.ts', () => ({ beating: (work: () => unknown) => work() }))
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => globalThis.setTimeout(resolve, ms)),
}))

const deadlineMs = 2_000
const permitLifetimeMs = 1_000
const hourMs = 3_600_000
const mostRounds = 80

/** How one attempt goes. */
interface Episode {
  kind: 'runs' | 'killed' | 'cut off' | 'asked to stop'
  /** The step of the attempt at which it happens, over all its ports. */
  atStep: number
  /** Whether that step still takes effect. */
  isStepDone: boolean
  /** Until the next attempt begins. */
  gapMs: number
}

interface Story {
  order: Order
  isNaming: boolean
  sizes: number[]
  refused: { request: number; ordinal: number; after: number; times: number }[]
  fates: Fate[]
  episodes: Episode[]
  /** Time that each answer of the store takes, to and fro, repeated. */
  storeMs: number[]
  isKeyAcceptedElsewhere: boolean
}

const gaps = [0, 0, 3_000, 8_000, 60_000]

const story = (longGaps: readonly number[]): fc.Arbitrary<Story> =>
  fc.record({
    order: fc.constantFrom<Order>('key-first', 'recipients-first'),
    isNaming: fc.boolean(),
    sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
    refused: fc.array(
      fc.record({
        request: fc.nat(2),
        ordinal: fc.nat(11),
        after: fc.constantFrom(0, 0, 0, 1, 2),
        times: fc.constantFrom(Infinity, Infinity, 1, 2, 3),
      }),
      { maxLength: 5 },
    ),
    fates: fc.array(
      fc.oneof(
        { weight: 2, arbitrary: fc.constant<Fate>('answered') },
        { weight: 2, arbitrary: fc.constantFrom<Fate>('quota', 'token', 'not connected') },
        { weight: 3, arbitrary: fc.constantFrom<Fate>('lost', 'unheard', 'broken off') },
        { weight: 2, arbitrary: fc.constantFrom<Fate>(...fates) },
      ),
      { maxLength: 40 },
    ),
    episodes: fc.array(
      fc.record({
        kind: fc.constantFrom<Episode['kind']>(
          'runs',
          'killed',
          'killed',
          'cut off',
          'asked to stop',
        ),
        atStep: fc.nat(25),
        isStepDone: fc.boolean(),
        gapMs: fc.constantFrom(...gaps, ...longGaps),
      }),
      { maxLength: 7 },
    ),
    storeMs: fc.array(fc.constantFrom(0, 1, 5, 30, 400, 1_200), { minLength: 1, maxLength: 9 }),
    isKeyAcceptedElsewhere: fc.boolean(),
  })

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Lives through the story to its end, when LINE answers and no worker dies any more. */
async function tell({ episodes, ...told }: Story) {
  const beganAt = Date.now()
  const now = () => Date.now() - beganAt + Date.UTC(2026, 0)
  const planned = planOf(told.sizes)
  const ledger = createMemoryLedger(now)
  const left = [...told.fates]
  let { storeMs } = told
  let storeCalls = 0
  const refused = told.refused.flatMap(({ request, ordinal, after, times }): Refused[] => {
    const userId = planned[request]?.userIds[ordinal]
    return userId === undefined ? [] : [{ userId, after, times }]
  })
  const line = createModelLine({
    ...told,
    refused,
    deadlineMs,
    now: () => Date.now() - beganAt,
    nextFate: () => left.shift() ?? 'answered',
  })
  if (told.isKeyAcceptedElsewhere) {
    const at = new Date(now()).toISOString()
    ledger.acceptedElsewhere = {
      deliveryId,
      name: '999',
      record: {
        state: 'accepted',
        recipients: 1,
        fromOrdinal: 0,
        toOrdinal: 1,
        round: 0,
        generation: 0,
        at,
        firstCallAt: at,
      },
    }
    line.acceptKey(retryKey({ deliveryId, lane: input.lane, requestNo: 999 }))
  }

  let callsEndAt = 0
  /** Ports of one process, which ends at a step of its own. */
  function aProcess({ kind, atStep, isStepDone }: Episode) {
    const draining = new AbortController()
    const happened = Promise.withResolvers<void>()
    let steps = 0
    let isDead = false
    async function step<T>(act: () => Promise<T>): Promise<T> {
      if (isDead) throw new Error('killed')
      if (steps++ !== atStep) return act()
      happened.resolve()
      if (kind === 'asked to stop') draining.abort()
      if (kind !== 'killed') return act()
      isDead = true
      if (isStepDone) await act()
      throw new Error('killed')
    }
    /** What the store does takes effect some time after it was asked, and is heard of some time later. */
    const stored = <T>(act: () => Promise<T>): Promise<T> =>
      step(async () => {
        const delay = () => wait(storeMs[storeCalls++ % storeMs.length] ?? 0)
        await delay()
        const result = await act()
        await delay()
        return result
      })
    const run = sendingOver({
      ledger: {
        ...ledger,
        beginAttempt: (batch) =>
          stored(() => {
            ledger.earlierCallsEndInMs = callsEndAt - Date.now()
            return ledger.beginAttempt(batch)
          }),
        takePermit: (...asked) =>
          stored(async () => {
            const permit = await ledger.takePermit(...asked)
            if (permit.answer === 'granted')
              callsEndAt = Math.max(callsEndAt, Date.now() + permitLifetimeMs + deadlineMs)
            return permit
          }),
        merge: (batch, records) => {
          // What is merged is what was known when it was asked for.
          const given = structuredClone(records)
          return stored(() => ledger.merge(batch, given))
        },
        splitCost: (...asked) => stored(() => ledger.splitCost(...asked)),
        findAccepted: async () =>
          Date.now() - beganAt < 22 * hourMs ? ledger.acceptedElsewhere : undefined,
      },
      line: { ...line, send: (call) => step(() => line.send(call)) },
      planned,
      now,
      draining: draining.signal,
      mergeEveryMs: 500,
      pause: (why) =>
        stored(async () => {
          if (ledger.gate.position === 'open')
            ledger.gate = { position: 'paused', seq: ledger.gate.seq + 1, why }
          return ledger.gate
        }),
    })
    return { run, happened: happened.promise }
  }

  let round = 0
  const abandoned: Promise<unknown>[] = []
  for (const episode of episodes) {
    // An operator resumes whatever LFM has paused.
    ledger.gate = { position: 'open', seq: ledger.gate.seq + 1 }
    const { run, happened } = aProcess(episode)
    const running = run(round).catch(() => undefined)
    if (episode.kind === 'cut off') {
      abandoned.push(running)
      await Promise.race([running, happened])
    } else {
      const result = await running
      if (result?.kind === 'finished') round += 1
    }
    await wait(episode.gapMs)
  }
  // LINE and the store are themselves again; a store that takes a second lets nothing be called in time.
  left.length = 0
  storeMs = [1]
  const isOver = () => {
    const records = Object.values(ledger.records).filter(({ state }) => state !== 'split')
    const recipients = records.reduce((sum, record) => sum + record.recipients, 0)
    return (
      records.every(isFinal) &&
      recipients === planned.reduce((sum, { userIds }) => sum + userIds.length, 0)
    )
  }
  const quiet: Episode = { kind: 'runs', atStep: -1, isStepDone: true, gapMs: 0 }
  for (let rounds = 0; rounds < mostRounds && !isOver(); rounds++) {
    ledger.gate = { position: 'open', seq: ledger.gate.seq + 1 }
    const result = await aProcess(quiet).run(round)
    if (result.kind === 'finished') round += 1
    if (rounds > 10) await wait(hourMs)
  }
  await Promise.all(abandoned)

  const outcomes = new Map<string, string[]>()
  for (const [name, record] of Object.entries(ledger.records)) {
    if (record.state === 'split') continue
    const { requestNo, fromOrdinal, toOrdinal } = pieceOf(name, record)
    for (const userId of planned[requestNo]?.userIds.slice(fromOrdinal, toOrdinal) ?? [])
      outcomes.set(userId, [...(outcomes.get(userId) ?? []), record.state])
  }
  return { ledger, line, outcomes, refused, users: planned.flatMap(({ userIds }) => userIds) }
}

type Told = Awaited<ReturnType<typeof tell>>

/** What holds in every story. */
function expectExact({ line, outcomes, refused, users }: Told): void {
  expect(line.collisions).toEqual([])
  for (const userId of users) {
    const times = line.received.get(userId) ?? 0
    const [outcome, ...more] = outcomes.get(userId) ?? ['none']
    expect({ userId, times: Math.min(times, 1), more }).toEqual({ userId, times, more: [] })
    if (outcome === 'accepted') expect({ userId, times }).toEqual({ userId, times: 1 })
    else if (outcome === 'rejected') {
      expect({ userId, times }).toEqual({ userId, times: 0 })
      expect(refused.map((one) => one.userId)).toContain(userId)
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
        expect(count(told, 'accepted')).toBe(told.users.length)
      }),
      { numRuns: 200 },
    )
  })
})
