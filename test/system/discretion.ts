// What may stand in no log line and in no history: user ids, tokens, secrets, texts, variables of a recipient.
import { expect } from 'vitest'
import { type RunningSystem } from './running-system.ts'

const userId = /U[0-9a-f]{32}/
/** The simulator's channel access tokens: 64 characters of base64url, which a hexadecimal digest is not. */
const accessToken = /(?<![\w-])(?![0-9a-f]{64}(?![\w-]))[\w-]{64}(?![\w-])/
/** Names of friends in the sample warehouse. */
const variable = /\bFriend \d+/

/** @param phrases of the messages. */
export function expectDiscreet(
  texts: readonly string[],
  { embedded, channelSecrets }: RunningSystem,
  phrases: readonly string[],
): void {
  expect(texts.length).toBeGreaterThan(0)
  const { password } = new URL(embedded.addresses.databaseUrl)
  const secrets = [embedded.apiToken, embedded.env.LFM_SECRET_KEY ?? '', password]
  const words = [...secrets, ...channelSecrets, ...phrases].filter((word) => word !== '')
  expect(words.length).toBeGreaterThanOrEqual(secrets.length)
  const indiscreet = texts.filter(
    (text) =>
      [userId, accessToken, variable].some((pattern) => pattern.test(text)) ||
      words.some((word) => text.includes(word)),
  )
  expect(indiscreet).toEqual([])
}
