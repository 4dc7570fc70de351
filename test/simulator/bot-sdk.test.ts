// LINE's own SDK, which was written against the real LINE, works with the simulator as it is.
import { channelAccessToken, HTTPFetchError, messagingApi } from '@line/bot-sdk'
import { expect, test } from 'vitest'
import { openSimulator, userId } from './open-simulator.ts'

test('the SDK gets a token, sends, reads back its quota and sees its key accepted already', async () => {
  await using line = await openSimulator()
  const tokens = new channelAccessToken.ChannelAccessTokenClient({ baseURL: line.url })
  const token = await tokens.issueStatelessChannelTokenByClientSecret('channel', 'secret')
  const client = new messagingApi.MessagingApiClient({
    channelAccessToken: token.access_token,
    baseURL: line.url,
  })
  const key = crypto.randomUUID()
  const messages: messagingApi.Message[] = [{ type: 'text', text: 'Hello' }]
  const { httpResponse, body } = await client.pushMessageWithHttpInfo(
    { to: userId(1), messages },
    key,
  )
  expect(httpResponse.headers.get('x-line-request-id')).toBeTruthy()
  expect(body.sentMessages).toHaveLength(1)
  const again: unknown = await client
    .pushMessage({ to: userId(1), messages }, key)
    .catch((error: unknown) => error)
  expect(again).toBeInstanceOf(HTTPFetchError)
  if (!(again instanceof HTTPFetchError)) return
  expect(again.status).toBe(409)
  expect(again.headers.get('x-line-accepted-request-id')).toBe(
    httpResponse.headers.get('x-line-request-id'),
  )
  await client.multicast({ to: [userId(1), userId(2)], messages, customAggregationUnits: ['a'] })
  expect(await client.getMessageQuotaConsumption()).toEqual({ totalUsage: 3 })
  expect((await client.getFollowers()).userIds).toEqual([userId(1), userId(2)])
  expect(await client.validatePush({ messages })).toEqual({})
})
