// A lane's rate beside other senders: the functions of 0004 against a model of LINE's bucket, in virtual time.
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore
let client: pg.Client

beforeAll(async () => {
  opened = await openStore()
  client = new pg.Client(opened.databaseUrl)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await opened[Symbol.asyncDispose]()
})

const batch = { multicast: 20, push: 500 } as const
/** LINE's limits, of which a channel's clock spends 98 %. */
const limits = { multicast: 200, push: 2_000 } as const
const noteEverySeconds = 0.25

type Others = 'even' | 'at random' | 'by turns'

interface Scene {
  lane: 'multicast' | 'push'
  /** What the bucket holds, in seconds of the limit. */
  burstSeconds: number
  latencySeconds: number
  /** Share of the limit that other senders leave at a time. */
  left: (at: number) => number
  others: Others
  seed: number
}

interface Second {
  calls: number
  accepted: number
  throttled: number
}

/** Numbers in [0, 1) that follow from the seed alone. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Events in the order of their time. */
function createAgenda() {
  const heap: { at: number; run: () => void | Promise<void> }[] = []
  const before = (i: number, j: number) => (heap[i]?.at ?? Infinity) < (heap[j]?.at ?? Infinity)
  const swap = (i: number, j: number) => {
    const [one, other] = [heap[i], heap[j]]
    if (one && other) [heap[i], heap[j]] = [other, one]
  }
  return {
    add(at: number, run: () => void | Promise<void>) {
      let i = heap.push({ at, run }) - 1
      for (let up = (i - 1) >> 1; i > 0 && before(i, up); i = up, up = (i - 1) >> 1) swap(i, up)
    },
    next() {
      const first = heap[0]
      const last = heap.pop()
      if (first === last || !last) return first
      heap[0] = last
      for (let i = 0; ;) {
        const child = before(2 * i + 2, 2 * i + 1) ? 2 * i + 2 : 2 * i + 1
        if (!before(child, i)) return first
        swap(i, child)
        i = child
      }
    },
  }
}

let channels = 0

/** Sends as the workers do for so many seconds; what became of our calls by the second. */
async function play(scene: Scene, seconds: number): Promise<Second[]> {
  const { lane, latencySeconds } = scene
  const limit = limits[lane]
  const lineChannelId = `model-${channels++}`
  await client.query(
    'insert into lane_clock (line_channel_id, lane, calls_per_second) values ($1, $2, $3)',
    [lineChannelId, lane, limit * 0.98],
  )
  const agenda = createAgenda()
  const random = numbers(scene.seed)
  const rows = Array.from({ length: seconds }, () => ({ calls: 0, accepted: 0, throttled: 0 }))
  let now = 0
  let tokens = limit * scene.burstSeconds
  let filledAt = 0
  const instant = () => new Date(Date.UTC(2030, 0, 1) + now * 1000).toISOString()

  function take(): boolean {
    tokens = Math.min(limit * scene.burstSeconds, tokens + (now - filledAt) * limit)
    filledAt = now
    if (tokens < 1) return false
    tokens -= 1
    return true
  }

  function otherCall(): void {
    const turn = scene.others === 'by turns' ? (Math.floor(now * 2) % 2 === 0 ? 1.1 : 0.9) : 1
    const rate = limit * (1 - scene.left(now)) * turn
    if (rate < 1) return agenda.add(now + 0.05, otherCall)
    take()
    const gap = scene.others === 'at random' ? -Math.log(1 - random()) : 0.7 + 0.6 * random()
    agenda.add(now + gap / rate, otherCall)
  }

  const notes = new Map<number, number>()
  function note(lowerings: number): void {
    const noted = notes.get(lowerings)
    notes.set(lowerings, (noted ?? 0) + 1)
    if (noted !== undefined) return
    agenda.add(now + noteEverySeconds, async () => {
      await client.query('select note_throttles($1, $2, $3, $4, $5)', [
        lineChannelId,
        lane,
        lowerings,
        notes.get(lowerings),
        instant(),
      ])
      notes.delete(lowerings)
    })
  }

  async function askForPermit(): Promise<void> {
    const { rows: answers } = await client.query<{
      calls: number
      wait_ms: number
      calls_per_second: number
      lowerings: number
    }>('select * from spend_lane($1, $2, $3, 500, $4)', [
      lineChannelId,
      lane,
      batch[lane],
      instant(),
    ])
    const [permit] = answers
    if (!permit) throw new Error('spend_lane answered nothing.')
    const { calls, wait_ms: waitMs, calls_per_second: rate, lowerings } = permit
    if (calls === 0) return agenda.add(now + Math.max(waitMs, 5) / 1000, askForPermit)
    for (let i = 0; i < calls; i++) {
      const dueAt = now + waitMs / 1000 + i / rate
      agenda.add(dueAt + latencySeconds / 2 + random() * 0.01, () => {
        const row = rows[Math.floor(now)]
        const isAccepted = take()
        if (!isAccepted) agenda.add(now + latencySeconds / 2, () => note(lowerings))
        if (!row) return
        row.calls += 1
        row[isAccepted ? 'accepted' : 'throttled'] += 1
      })
    }
    agenda.add(now + 0.005, askForPermit)
  }

  agenda.add(0, otherCall)
  agenda.add(0, askForPermit)
  for (let event = agenda.next(); event && event.at < seconds; event = agenda.next()) {
    now = event.at
    await event.run()
  }
  return rows
}

function sum(rows: Second[]) {
  const of = (key: keyof Second) => rows.reduce((total, row) => total + row[key], 0)
  const calls = of('calls')
  return { perSecond: of('accepted') / rows.length, throttledShare: of('throttled') / calls }
}

const scenes = fc.record({
  burstSeconds: fc.constantFrom(0.1, 1),
  latencySeconds: fc.double({ min: 0.05, max: 0.3, noNaN: true }),
  others: fc.constantFrom<Others>('even', 'at random', 'by turns'),
  seed: fc.nat(),
})

test('beside other senders a lane settles within 60 s near what they leave, with under 1 % of its calls answered 429', async () => {
  await fc.assert(
    fc.asyncProperty(scenes, fc.integer({ min: 20, max: 100 }), async (scene, percent) => {
      const share = percent / 100
      const left = limits.push * share
      const rows = await play({ ...scene, lane: 'push', left: () => share }, 120)
      const settled = sum(rows.slice(60))
      expect(settled.perSecond).toBeGreaterThan(Math.min(left, limits.push * 0.98) * 0.9)
      expect(settled.perSecond).toBeLessThan(left * 1.1)
      expect(settled.throttledShare).toBeLessThan(0.01)
    }),
    { numRuns: 6 },
  )
})

test('a lane is back at 95 % of its rate within 60 s after the other senders have gone', async () => {
  const scene = { burstSeconds: 0.1, latencySeconds: 0.1, others: 'even', seed: 1 } as const
  const rows = await play({ ...scene, lane: 'push', left: (at) => (at < 40 ? 0.3 : 1) }, 102)
  expect(sum(rows.slice(30, 40)).perSecond).toBeLessThan(limits.push * 0.4)
  expect(sum(rows.slice(100)).perSecond).toBeGreaterThan(limits.push * 0.98 * 0.95)
})

test('single calls answered 429 among others that pass leave the rate alone', async () => {
  const { channel } = await opened.delivery()
  const { ledger, channels: stored } = opened.store
  const at = (seconds: number) => new Date(Date.UTC(2030, 0, 1) + seconds * 1000).toISOString()
  for (let second = 0; second < 30; second += 3) {
    const { rows } = await client.query<{ is_lowered: boolean }>(
      `select note_throttles($1, 'push', 0, 1, $2) as is_lowered`,
      [channel.lineChannelId, at(second)],
    )
    expect(rows).toEqual([{ is_lowered: false }])
  }
  await ledger.noteThrottles(channel.lineChannelId, 'push', { lowerings: 0, throttles: 1 })
  expect(await stored.laneRate(channel.lineChannelId, 'push')).toEqual({
    configured: 2_000,
    adapted: 2_000,
    since: null,
  })
})

test('a share of the calls lowers the rate, once for all that were permitted before, and a new rate of an operator is in force at once', async () => {
  const { channel } = await opened.delivery()
  const { channels: stored } = opened.store
  // Ahead of the clock, for a lowered rate comes back with time, and stays what it is until its instant.
  const beganAt = Date.now() + 600_000
  const note = async (lowerings: number, throttles: number, afterMs: number) => {
    const { rows } = await client.query<{ is_lowered: boolean }>(
      `select note_throttles($1, 'push', $2, $3, $4) as is_lowered`,
      [channel.lineChannelId, lowerings, throttles, new Date(beganAt + afterMs).toISOString()],
    )
    return rows[0]?.is_lowered
  }
  expect(await note(0, 20, -2_000)).toBe(false)
  expect(await note(0, 20, -900)).toBe(true)
  // Answers to calls from before the lowering.
  expect(await note(0, 50, -800)).toBe(false)
  expect(await note(0, 50, 500)).toBe(false)
  const rate = await stored.laneRate(channel.lineChannelId, 'push')
  expect(rate?.adapted).toBeLessThan(2_000 * 0.9)
  expect(rate?.since).not.toBeNull()
  expect((await stored.laneRate(channel.lineChannelId, 'multicast'))?.since).toBeNull()
  await stored.setRate(channel.id, { push: 1_000 })
  expect(await stored.laneRate(channel.lineChannelId, 'push')).toMatchObject({
    configured: 1_000,
    adapted: 1_000,
    since: null,
  })
})
