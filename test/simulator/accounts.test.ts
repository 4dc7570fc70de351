// What a channel may ask about its account and its friends.
import { expect, test } from 'vitest'
import { openSimulator, userId } from './open-simulator.ts'

test('followers are listed page by page without those who blocked', async () => {
  await using line = await openSimulator()
  await line.call('/_sim/friends?state=friend', { body: [1, 2, 3, 4, 5].map(userId).join('\n') })
  await line.call('/_sim/friends?state=blocked', { body: userId(2) })
  const found: string[] = []
  let next: string | undefined = ''
  while (next !== undefined) {
    const { body } = await line.line(`/v2/bot/followers/ids?limit=2&start=${next}`)
    const page = body as { userIds: string[]; next?: string }
    found.push(...page.userIds)
    next = page.next
  }
  expect(found).toEqual([1, 3, 4, 5].map(userId))
  expect((await line.line('/v2/bot/followers/ids?limit=1001')).status).toBe(400)
})

test('a profile is found for a friend only', async () => {
  await using line = await openSimulator({ switches: { strangers: 'unknown' } })
  await line.call('/_sim/friends?state=friend', { body: userId(1) })
  await line.call('/_sim/friends?state=blocked', { body: userId(2) })
  const profile = (n: number) => line.line(`/v2/bot/profile/${userId(n)}`)
  expect((await profile(1)).body).toMatchObject({ userId: userId(1) })
  expect((await profile(2)).status).toBe(404)
  expect((await profile(3)).status).toBe(404)
})

test('the month’s units are counted and listed', async () => {
  await using line = await openSimulator()
  await line.push(userId(1), { customAggregationUnits: ['b'] })
  await line.push(userId(1), { customAggregationUnits: ['a'] })
  await line.push(userId(1), { customAggregationUnits: ['a'] })
  expect((await line.line('/v2/bot/message/aggregation/info')).body).toEqual({
    numOfCustomAggregationUnits: 2,
  })
  expect((await line.line('/v2/bot/message/aggregation/list?limit=1')).body).toEqual({
    customAggregationUnits: ['a'],
    next: expect.any(String) as string,
  })
})

test('no quota is the quota of type none', async () => {
  await using line = await openSimulator()
  expect((await line.line('/v2/bot/message/quota')).body).toEqual({ type: 'none' })
})
