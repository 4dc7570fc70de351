// Stories of one batch: LINE's answers, workers that die or are cut off, and time that passes; told to their end.
import { MockActivityEnvironment } from '@temporalio/testing'
import fc from 'fast-check'
import { createCloseActivities } from '../../activities/close-account.ts'
import { isFinal, pieceOf } from '../../domain/ledger.ts'
import { retryKey } from '../../line/retry-key.ts'
import { createMemoryLedger, planOf } from './memory-ports.ts'
import { createModelLine, type Fate, fates, type Order, type Refused } from './model-line.ts'
import { deliveryId, input, sendingOver } from './one-batch.ts'

const deadlineMs = 2_000
const permitLifetimeMs = 1_000
export const hourMs = 3_600_000
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

export interface Story {
  order: Order
  isNaming: boolean
  sizes: number[]
  refused: { request: number; ordinal: number; after: number; times: number }[]
  fates: Fate[]
  episodes: Episode[]
  /** Time that each answer of the store takes, to and fro, repeated. */
  storeMs: number[]
  isKeyAcceptedElsewhere: boolean
  callsPerSecond: number
}

const gaps = [0, 0, 3_000, 8_000, 60_000]

export const story = (longGaps: readonly number[]): fc.Arbitrary<Story> =>
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
    // A permit is for one call, or for all.
    callsPerSecond: fc.constantFrom(2, 100_000),
  })

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Lives through the story to its end: until LINE answers and no worker dies any more, or to where somebody cancels when
 * the last episode is over.
 */
export async function tell({ episodes, ...told }: Story, ending: 'sent' | 'cancelled' = 'sent') {
  const beganAt = Date.now()
  const now = () => Date.now() - beganAt + Date.UTC(2026, 0)
  const planned = planOf(told.sizes)
  const ledger = createMemoryLedger(now)
  ledger.callsPerSecond = told.callsPerSecond
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
      callsPerSecond: told.callsPerSecond,
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
  const recipients = planned.reduce((sum, { userIds }) => sum + userIds.length, 0)
  const isOver = () => {
    const records = Object.values(ledger.records).filter(({ state }) => state !== 'split')
    return (
      records.every(isFinal) &&
      records.reduce((sum, record) => sum + record.recipients, 0) === recipients
    )
  }
  async function send(): Promise<void> {
    const quiet: Episode = { kind: 'runs', atStep: -1, isStepDone: true, gapMs: 0 }
    for (let rounds = 0; rounds < mostRounds && !isOver(); rounds++) {
      ledger.gate = { position: 'open', seq: ledger.gate.seq + 1 }
      const result = await aProcess(quiet).run(round)
      if (result.kind === 'finished') round += 1
      if (rounds > 10) await wait(hourMs)
    }
  }
  /** Whoever is still at work gets no permit any more, and is not waited for. */
  async function cancel(): Promise<void> {
    ledger.gate = { position: 'cancelled', seq: ledger.gate.seq + 1 }
    const wasBegun = ledger.attempts > 0
    const ofLane = (lane: string) => (lane === input.lane && wasBegun ? [input.batchNo] : [])
    const closing = createCloseActivities({
      store: {
        plans: {
          find: async () => ({ attempt: 'a', requests: { multicast: planned.length, push: 0 } }),
        },
        deliveries: {
          closingRound: async (_id: string, first: number) => first,
          find: async () => ({ campaignId: 'c' }),
        },
        ledger: {
          ...ledger,
          callsEndInMs: async () => callsEndAt - Date.now(),
          attempted: async (_id: string, lane: string) => ofLane(lane),
          unresolved: async (_id: string, lane: string) => (isOver() ? [] : ofLane(lane)),
          batches: async () => [{ ...input, attempts: ledger.attempts, records: ledger.records }],
        },
      } as never,
      warehouse: {
        readRequests: async () => planned,
        writePart: async () => undefined,
        writeUnsent: async () => undefined,
      } as never,
      now,
      retryKey,
    })
    const order = { deliveryId, round: round + 1, why: 'Cancelled: enough' }
    await new MockActivityEnvironment().run((one: typeof order) => closing.closeLedger(one), order)
  }
  await (ending === 'sent' ? send() : cancel())
  await Promise.all(abandoned)

  const outcomes = new Map<string, string[]>()
  for (const [name, record] of Object.entries(ledger.records)) {
    if (record.state === 'split') continue
    const { requestNo, fromOrdinal, toOrdinal } = pieceOf(name, record)
    for (const userId of planned[requestNo]?.userIds.slice(fromOrdinal, toOrdinal) ?? [])
      outcomes.set(userId, [...(outcomes.get(userId) ?? []), record.state])
  }
  return {
    ending,
    ledger,
    line,
    outcomes,
    refused,
    users: planned.flatMap(({ userIds }) => userIds),
  }
}
