// A lane when PostgreSQL's clock goes back, as where a standby takes over: it goes on, and not above its rate.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const noon = Date.UTC(2026, 0, 1, 12)

async function aLane() {
  const { channel } = await opened.delivery({ multicast: 200, push: 0 })
  const lane = [channel.lineChannelId, 'multicast'] as const
  const set = (assignments: string, at: number) =>
    opened.query(
      `update lane_clock set ${assignments} where line_channel_id = $1 and lane = $2 and $3::timestamptz is not null`,
      [...lane, new Date(at)],
    )
  /** Calls that are permitted to one who asks all the time for so many seconds. */
  async function permittedIn(seconds: number, from: number): Promise<number> {
    let calls = 0
    for (let at = from; at < from + seconds * 1_000; at += 50) {
      const [given] = await opened.query(
        'select calls from spend_lane($1, $2, 100, 500, $3::timestamptz)',
        [...lane, new Date(at)],
      )
      calls += Number(given?.calls)
    }
    return calls
  }
  return { lane, set, permittedIn }
}

test('a rate that was lowered stays what it was lowered to before that instant', async () => {
  const { lane, set, permittedIn } = await aLane()
  await set(
    'lowered_at = $3, lowered_to = 92, bearable_per_second = 100, lowerings = 1, watched_since = $3',
    noon,
  )
  const [found] = await opened.query(
    'select lane_rate(l, $3) as rate from lane_clock l where line_channel_id = $1 and lane = $2',
    [...lane, new Date(noon - 90_000)],
  )
  expect(Number(found?.rate)).toBeCloseTo(92, 6)
  const permitted = await permittedIn(2, noon - 90_000)
  expect(permitted).toBeGreaterThan(2 * 80)
  expect(permitted).toBeLessThan(2 * 100 + 100)
})

test('what was spent by a clock that was ahead holds a lane up for seconds, not until that instant', async () => {
  const { permittedIn } = await aLane()
  await permittedIn(2, noon)
  const permitted = await permittedIn(5, noon - 3_600_000)
  expect(permitted).toBeGreaterThan(200)
  expect(permitted).toBeLessThan(5 * 200 + 100)
})

test('a slow lane owes a whole call, which is not forgotten', async () => {
  const { set, permittedIn } = await aLane()
  await set('calls_per_second = 0.1', noon)
  expect(await permittedIn(25, noon)).toBe(3)
})
