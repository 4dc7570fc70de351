import { expect, test } from 'vitest'
import { createTokens } from '../../line/tokens.ts'

const channel = { lineChannelId: '1', channelSecret: 's' }

function aTokenHouse() {
  const house = { nowMs: 1_000_000, issued: 0, isDown: false }
  const tokens = createTokens({
    issue: async () => {
      await Promise.resolve()
      if (house.isDown) throw new Error('down')
      house.issued += 1
      return { token: `token-${house.issued}`, expiresInSeconds: 900 }
    },
    clock: { now: () => house.nowMs },
  })
  return { house, tokens }
}

/** Lets everything that waits for nothing but promises go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('any number of calls at once ask for one token', async () => {
  const { house, tokens } = aTokenHouse()
  const got = await Promise.all(Array.from({ length: 50 }, () => tokens.get(channel)))
  expect(new Set(got)).toEqual(new Set(['token-1']))
  expect(house.issued).toBe(1)
})

test('a token is renewed in the background after two thirds of its life', async () => {
  const { house, tokens } = aTokenHouse()
  await tokens.get(channel)
  house.nowMs += 599_000
  expect(await tokens.get(channel)).toBe('token-1')
  await settled()
  expect(house.issued).toBe(1)
  house.nowMs += 2_000
  expect(await tokens.get(channel)).toBe('token-1')
  await settled()
  expect(await tokens.get(channel)).toBe('token-2')
  expect(house.issued).toBe(2)
})

test('a failing renewal leaves the valid token in use, and fails calls only once it has expired', async () => {
  const { house, tokens } = aTokenHouse()
  await tokens.get(channel)
  house.isDown = true
  house.nowMs += 700_000
  expect(await tokens.get(channel)).toBe('token-1')
  await settled()
  expect(await tokens.get(channel)).toBe('token-1')
  house.nowMs += 200_000
  await expect(tokens.get(channel)).rejects.toThrow('down')
  house.isDown = false
  expect(await tokens.get(channel)).toBe('token-2')
})

test('calls refused with one token share one renewal', async () => {
  const { house, tokens } = aTokenHouse()
  const failed = await tokens.get(channel)
  const renewed = await Promise.all([tokens.renew(channel, failed), tokens.renew(channel, failed)])
  expect(renewed).toEqual(['token-2', 'token-2'])
  expect(await tokens.renew(channel, failed)).toBe('token-2')
  expect(house.issued).toBe(2)
})

test('a rotated secret and a forgotten channel have new tokens', async () => {
  const { house, tokens } = aTokenHouse()
  await tokens.get(channel)
  expect(await tokens.get({ ...channel, channelSecret: 'new' })).toBe('token-2')
  tokens.forget(channel.lineChannelId)
  expect(await tokens.get(channel)).toBe('token-3')
  expect(house.issued).toBe(3)
})
