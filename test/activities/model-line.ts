// A model of LINE for rules with many cases: keys for 24 hours, either order of checks, and calls that go wrong.
import { type LineAnswer, type LineCall } from '../../line/port.ts'

/** What becomes of one call. */
export const fates = [
  'answered',
  /** It never arrives; nobody answers. */
  'lost',
  /** LINE decides, and the answer is lost. */
  'unheard',
  /** LINE decides just before the deadline, at which the sender gives up. */
  'late',
  /** The connection breaks at once, and LINE decides a good while later all the same. */
  'broken off',
  /** The adapter breaks after the call went out. */
  'thrown',
  'throttled',
  'not connected',
  'not started',
  'quota',
  'token',
  'content',
] as const
export type Fate = (typeof fates)[number]

export type Order = 'key-first' | 'recipients-first'

/** A recipient whom LINE refuses for a run of the calls that name them: users come and go between two tries. */
export interface Refused {
  userId: string
  /** Calls that are in order before. */
  after: number
  /** Calls that are refused then. */
  times: number
}

const keyMemoryMs = 24 * 3_600_000
const isUserId = (userId: string) => userId.startsWith('U')

export function createModelLine(model: {
  order: Order
  /** Whether a refusal says whom. */
  isNaming: boolean
  refused: readonly Refused[]
  nextFate: () => Fate
  deadlineMs: number
  now: () => number
}) {
  const { deadlineMs, now } = model
  const keys = new Map<string, { firstAt: number; acceptedAs: string | undefined }>()
  const onWire = new Set<string>()
  /** Calls decided so far that name the user. */
  const named = new Map<string, number>()
  const received = new Map<string, number>()
  /** Calls for the user whose content was refused. */
  const contentRefused = new Map<string, number>()
  /** Keys that were on the wire twice at once. */
  const collisions: string[] = []
  let count = 0

  const nth = (userId: string) => named.get(userId) ?? 0

  function decide(call: LineCall, fate: Fate): LineAnswer {
    const lineRequestId = `request-${++count}`
    let key = keys.get(call.retryKey)
    if (key === undefined || now() - key.firstAt >= keyMemoryMs)
      keys.set(call.retryKey, (key = { firstAt: now(), acceptedAs: undefined }))
    const earlier = key.acceptedAs
    const known: LineAnswer | undefined =
      earlier === undefined ? undefined : { kind: 'accepted-earlier', lineRequestId: earlier }
    if (known && model.order === 'key-first') return known
    const index = call.to.findIndex(
      (userId) =>
        !isUserId(userId) ||
        model.refused.some(
          ({ userId: id, after, times }) =>
            id === userId && nth(id) >= after && nth(id) < after + times,
        ),
    )
    for (const userId of call.to) named.set(userId, nth(userId) + 1)
    const reason = 'LINE answered 400: in words of its own'
    if (index !== -1)
      return model.isNaming
        ? { kind: 'recipient-refused', index, reason, lineRequestId }
        : { kind: 'some-recipient-refused', reason, lineRequestId }
    if (fate === 'content') {
      for (const userId of call.to)
        contentRefused.set(userId, (contentRefused.get(userId) ?? 0) + 1)
      return { kind: 'content-refused', reason, lineRequestId }
    }
    if (known) return known
    key.acceptedAs = lineRequestId
    for (const userId of call.to) received.set(userId, (received.get(userId) ?? 0) + 1)
    return { kind: 'accepted', lineRequestId }
  }

  async function settle(call: LineCall, fate: Fate): Promise<LineAnswer> {
    const inDoubt: LineAnswer = { kind: 'in-doubt', reason: 'no answer', lineRequestId: null }
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await wait(5)
    switch (fate) {
      case 'answered':
      case 'content':
        return decide(call, fate)
      case 'lost':
        return inDoubt
      case 'unheard':
        decide(call, fate)
        return inDoubt
      case 'late':
        await wait(deadlineMs - 10)
        decide(call, fate)
        await wait(5)
        return inDoubt
      case 'broken off':
        void wait(deadlineMs - 100).then(() => decide(call, fate))
        return inDoubt
      case 'thrown':
        decide(call, fate)
        throw new Error('The adapter broke.')
      case 'throttled':
        return { kind: 'throttled', reason: '429', lineRequestId: null }
      case 'not connected':
        return { kind: 'not-connected', reason: 'refused' }
      case 'not started':
        return { kind: 'not-started', reason: 'busy' }
      case 'quota':
        return { kind: 'quota-reached', reason: 'used up', lineRequestId: null }
      case 'token':
        return { kind: 'token-refused', reason: 'revoked', lineRequestId: null }
    }
  }

  return {
    deadlineMs,
    callsAtOnce: 512,
    prepare: async () => undefined,
    received,
    contentRefused,
    collisions,
    /** Has the key accepted, as of now, by a call to nobody of the test. */
    acceptKey(retryKey: string) {
      keys.set(retryKey, { firstAt: now(), acceptedAs: 'request-elsewhere' })
    },
    async send(call: LineCall): Promise<LineAnswer> {
      if (onWire.has(call.retryKey)) collisions.push(call.retryKey)
      onWire.add(call.retryKey)
      try {
        return await settle(call, model.nextFate())
      } finally {
        onWire.delete(call.retryKey)
      }
    },
  }
}
