// How a process spaces its calls on a lane, and how many it lets out at once.
import { expect, test } from 'vitest'
import { createLanePace, mostLateMs } from '../../activities/lane-pace.ts'
import { createWirePlaces } from '../../activities/wire-places.ts'

test('after a stall no more goes at once than a fiftieth of a second of the rate, the rest evenly', () => {
  let now = 0
  const pace = createLanePace(() => now)
  const goes = () => {
    let calls = 0
    while (pace('1/push', 2_000) === 0) calls += 1
    return calls
  }
  goes()
  now = 300
  expect(goes()).toBeLessThanOrEqual(43)
  now = 310
  expect(goes()).toBeLessThanOrEqual(22)
})

test('a call may be as late as two fifths of a small bucket, and later at a slow rate', () => {
  expect(mostLateMs('push', 2_000)).toBe(40)
  expect(mostLateMs('multicast', 100)).toBe(80)
  expect(mostLateMs('multicast', 1)).toBe(250)
  expect(mostLateMs('push', 50_000)).toBe(40)
})

test('lanes are spaced by themselves, and a clock that was set back stops none', () => {
  let now = 10_000
  const pace = createLanePace(() => now)
  while (pace('1/push', 1) === 0);
  expect(pace('1/multicast', 1)).toBe(0)
  now = 0
  expect(pace('1/push', 1)).toBe(0)
})

test('no more calls are asked for than connections are free, and some wait for an answer', async () => {
  const places = createWirePlaces(32)
  const never = () => false
  expect(await places.untilFree(500, never)).toBe(32)
  for (let i = 0; i < 31; i++) places.take()
  let granted: number | undefined
  const waiting = places.untilFree(500, never).then((calls) => (granted = calls))
  await Promise.resolve()
  expect(granted).toBeUndefined()
  // A sixteenth of them is waited for, so that a slow LINE does not cost a permit for each call.
  places.give()
  expect(await waiting).toBe(2)
  places.take()
  places.take()
  expect(await places.untilFree(1, () => true)).toBe(0)
})
