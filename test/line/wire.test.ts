import { messagingApi } from '@line/bot-sdk'
import { expect, test } from 'vitest'
import { createLine } from '../../line/client.ts'
import { type LineCall, type LineMessage } from '../../line/port.ts'
import { bodyOf } from '../../line/request-body.ts'
import { aCall, aUserId, json, startFakeLine, type SeenRequest } from './fake-line.ts'

const flags = [
  {},
  { notificationDisabled: true },
  { aggregationUnit: 'summer_2026' },
  { notificationDisabled: true, aggregationUnit: 'summer_2026' },
]
const calls: LineCall[] = flags.flatMap((changes) => [
  aCall({ ...changes, to: Array.from({ length: 500 }, (_, n) => aUserId(n)) }),
  aCall({ ...changes, lane: 'push', to: [aUserId(1)] }),
])

/** What matters of a request: all that LINE may look at. */
function essenceOf(request: SeenRequest | undefined) {
  const { authorization, host } = request?.headers ?? {}
  return {
    method: request?.method,
    path: request?.path,
    body: request?.body,
    authorization,
    host,
    contentType: request?.headers['content-type'],
    contentLength: request?.headers['content-length'],
    retryKey: request?.headers['x-line-retry-key'],
    userAgent: request?.headers['user-agent'],
    transferEncoding: request?.headers['transfer-encoding'],
  }
}

test.each(calls)('a call is on the wire what the SDK makes of it: $lane', async (call) => {
  await using fake = await startFakeLine(json(200, {}))
  const line = createLine({ baseUrl: fake.baseUrl, clock: { now: () => Date.now() } })
  await line.send(call)
  await line.close()

  const sdk = new messagingApi.MessagingApiClient({
    baseURL: fake.baseUrl,
    channelAccessToken: 'token-1',
    defaultHeaders: { 'user-agent': 'LFM/0.1.0' },
  })
  const rest = {
    messages: JSON.parse(call.messagesJson) as LineMessage[] as messagingApi.Message[],
    ...(call.notificationDisabled ? { notificationDisabled: true } : {}),
    ...(call.aggregationUnit === null ? {} : { customAggregationUnits: [call.aggregationUnit] }),
  }
  if (call.lane === 'multicast') {
    await sdk.multicastWithHttpInfo({ to: [...call.to], ...rest }, call.retryKey)
  } else {
    await sdk.pushMessageWithHttpInfo({ to: call.to[0] ?? '', ...rest }, call.retryKey)
  }
  const [ours, theirs] = fake.seen.map(essenceOf)
  expect(ours).toEqual(theirs)
})

test('the same call always has the same bytes', () => {
  for (const call of calls) expect(bodyOf({ ...call, to: [...call.to] })).toBe(bodyOf(call))
})

test('a push call without exactly one recipient is a defect', () => {
  expect(() => bodyOf(aCall({ lane: 'push', to: [] }))).toThrow(/one recipient/)
  expect(() => bodyOf(aCall({ lane: 'push' }))).toThrow(/one recipient/)
})
