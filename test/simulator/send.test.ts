// What push and multicast accept and refuse, in LINE's words.
import { expect, test } from 'vitest'
import { openSimulator, TEXT, userId } from './open-simulator.ts'

test('a push is accepted with one message id for each message', async () => {
  await using line = await openSimulator()
  const messages = [
    ...TEXT,
    { type: 'location', title: 't', address: 'a', latitude: 1, longitude: 2 },
  ]
  const { status, headers, body } = await line.push(userId(1), { messages })
  expect(status).toBe(200)
  expect(headers['x-line-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  expect(body).toEqual({
    sentMessages: [
      { id: expect.stringMatching(/^\d{18}$/) as string, quoteToken: expect.any(String) as string },
      { id: expect.stringMatching(/^\d{18}$/) as string },
    ],
  })
})

test('a multicast to 500 is accepted with an empty object', async () => {
  await using line = await openSimulator()
  const to = Array.from({ length: 500 }, (_, i) => userId(i))
  expect(await line.multicast(to)).toMatchObject({ status: 200, body: {} })
})

test('a call without a known token is refused with 401', async () => {
  await using line = await openSimulator()
  for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
    const path = '/v2/bot/message/push'
    const { status, body } = await line.call(path, {
      body: { to: userId(1), messages: TEXT },
      headers,
    })
    expect(status).toBe(401)
    expect(body).toEqual({
      message: expect.stringMatching(
        /^Authentication failed due to the following reason: /,
      ) as string,
    })
  }
})

const badMulticast: [string, object, object][] = [
  ['no to', { to: undefined }, { details: [{ message: 'May not be empty', property: 'to' }] }],
  [
    'an empty to',
    { to: [] },
    { details: [{ message: 'Size must be between 1 and 500', property: 'to' }] },
  ],
  [
    'more than 500 recipients',
    { to: Array.from({ length: 501 }, (_, i) => userId(i)) },
    { details: [{ message: 'Size must be between 1 and 500', property: 'to' }] },
  ],
  [
    'a malformed id',
    { to: [userId(1), 'U123'] },
    { message: 'The property, to[1], in the request body is invalid (line: -, column: -)' },
  ],
  [
    'an id in capitals',
    { to: [`U${'A'.repeat(32)}`] },
    { message: 'The property, to[0], in the request body is invalid (line: -, column: -)' },
  ],
  [
    'a group id',
    { to: [`C${'0'.repeat(32)}`] },
    { message: 'The property, to[0], in the request body is invalid (line: -, column: -)' },
  ],
  [
    'no messages',
    { messages: [] },
    {
      message: 'The request body has 1 error(s)',
      details: [{ message: 'Size must be between 1 and 5', property: 'messages' }],
    },
  ],
  [
    'six messages',
    { messages: Array(6).fill(TEXT[0]) },
    { details: [{ message: 'Size must be between 1 and 5', property: 'messages' }] },
  ],
  [
    'two aggregation units',
    { customAggregationUnits: ['a', 'b'] },
    { details: [{ property: 'customAggregationUnits' }] },
  ],
  [
    'a unit with a hyphen',
    { customAggregationUnits: ['summer-sale'] },
    { details: [{ property: 'customAggregationUnits[0]' }] },
  ],
  [
    'a notificationDisabled that is a word',
    { notificationDisabled: 'yes' },
    {
      message:
        'The property, notificationDisabled, in the request body is invalid (line: -, column: -)',
    },
  ],
]

test.each(badMulticast)(
  'a multicast with %s is refused and reaches nobody',
  async (_, more, body) => {
    await using line = await openSimulator()
    const answer = await line.multicast([userId(1)], more)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject(body)
    expect((await line.call(`/_sim/received?user=${userId(1)}`)).body).toEqual([])
  },
)

test('an unknown field at the top of the body is tolerated', async () => {
  await using line = await openSimulator()
  expect((await line.multicast([userId(1)], { somethingNew: 1 })).status).toBe(200)
})

test('a push to a malformed id is refused by the property to', async () => {
  await using line = await openSimulator()
  expect(await line.push('nobody')).toMatchObject({
    status: 400,
    body: {
      message: "The property, 'to', in the request body is invalid (line: -, column: -)",
    },
  })
})

test('a body that is not JSON is refused with its position', async () => {
  await using line = await openSimulator()
  const { status, body } = await line.line('/v2/bot/message/push', { body: '{"to":\n1 2}' })
  expect(status).toBe(400)
  expect(body).toEqual({
    message: 'The request body could not be parsed as JSON (line: 2, column: 3)',
  })
})

test('another content type is refused with 415', async () => {
  await using line = await openSimulator()
  const answer = await line.line('/v2/bot/message/push', {
    body: 'hello',
    headers: { 'content-type': 'text/plain' },
  })
  expect(answer).toMatchObject({
    status: 415,
    body: { message: 'The content type, text/plain, is not supported' },
  })
})

test('a body over 2 MB is refused with 413', async () => {
  await using line = await openSimulator()
  const answer = await line.push(userId(1), { messages: [{ type: 'text', text: 'x'.repeat(2e6) }] })
  expect(answer.status).toBe(413)
})

test('a retry key is refused where LINE has none', async () => {
  await using line = await openSimulator()
  const headers = { 'x-line-retry-key': crypto.randomUUID() }
  for (const path of ['reply', 'validate/push', 'validate/multicast'])
    expect(
      (await line.line(`/v2/bot/message/${path}`, { body: { messages: TEXT }, headers })).status,
    ).toBe(400)
})

test('blocked and deleted users are sent to with 200 and reached by nothing', async () => {
  await using line = await openSimulator()
  await line.call('/_sim/friends?state=blocked', { body: `${userId(1)}\n` })
  await line.call('/_sim/friends?state=deleted', { body: `${userId(2)}\r\n\r\n` })
  expect((await line.multicast([userId(1), userId(2), userId(3)])).status).toBe(200)
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.call(`/_sim/received?user=${userId(1)}`)).body).toEqual([])
  expect((await line.call('/_sim/report')).body).toMatchObject({
    recipients: { once: 2, twice: 1, phones: 3 },
    calls: { accepted: 2, push: 1, multicast: 1 },
    undelivered: 3,
  })
  expect((await line.line('/v2/bot/message/quota/consumption')).body).toEqual({ totalUsage: 1 })
})

test('what LINE does not have is not found', async () => {
  await using line = await openSimulator()
  expect((await line.line('/v2/bot/nothing')).status).toBe(404)
  expect((await line.line('/v2/bot/message/push')).status).toBe(404)
})
