import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classify } from '../../line/classify.ts'
import { aUserId } from './fake-line.ts'

const headers = { 'x-line-request-id': 'request-1' }
const multicast = (status: number, body: unknown, more = {}) =>
  classify('multicast', 3, {
    status,
    headers: { ...headers, ...more },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const push = (status: number, body: unknown) =>
  classify('push', 1, { status, headers, body: JSON.stringify(body) })

test('a 2xx in LINE’s form is accepted with its request id', () => {
  const accepted = { kind: 'accepted', lineRequestId: 'request-1' }
  expect(multicast(200, {})).toEqual(accepted)
  expect(push(200, { sentMessages: [{ id: '461230966842064897' }] })).toEqual(accepted)
  expect(multicast(200, '')).toEqual(accepted)
})

test.each(['<html>Welcome to the proxy</html>', '{"sentMess', 'true'])(
  'a 2xx whose body is not LINE’s is in doubt: %s',
  (body) => {
    expect(multicast(200, body)).toMatchObject({ kind: 'in-doubt', lineRequestId: 'request-1' })
  },
)

test('an empty 2xx without LINE’s request id is in doubt', () => {
  expect(classify('push', 1, { status: 200, headers: {}, body: '' }).kind).toBe('in-doubt')
})

test('409 is accepted earlier only with the accepted request’s id', () => {
  const body = { message: 'The retry key is already accepted' }
  expect(multicast(409, body, { 'x-line-accepted-request-id': 'accepted-1' })).toEqual({
    kind: 'accepted-earlier',
    lineRequestId: 'accepted-1',
  })
  expect(multicast(409, body)).toMatchObject({ kind: 'in-doubt', lineRequestId: 'request-1' })
})

test.each([
  [{ message: 'The property, to[1], in the request body is invalid (line: -, column: -)' }],
  [{ message: "The property, 'to[1]', in the request body is invalid (line: -, column: -)" }],
  [{ message: 'The request body has 1 error(s)', details: [{ message: 'x', property: 'to[1]' }] }],
  [{ message: 'The request body has 1 error(s)', details: [{ message: "'to[1]' is invalid" }] }],
  [{ message: 'The request body has 1 error(s)', details: [{ message: 'x', property: '/to/1' }] }],
])('a 400 at to[1] refuses the second recipient: %j', (body) => {
  expect(multicast(400, body)).toMatchObject({ kind: 'recipient-refused', index: 1 })
})

test('a 400 at an index that the request does not have names nobody', () => {
  const body = { message: 'The property, to[3], in the request body is invalid' }
  expect(multicast(400, body).kind).toBe('some-recipient-refused')
})

test.each([
  [
    {
      message: 'The request body has 1 error(s)',
      details: [{ message: 'May not be empty', property: 'messages[0].text' }],
    },
  ],
  [
    {
      message: 'The request body has 1 error(s)',
      details: [{ message: 'Size must be between 1 and 5', property: 'messages' }],
    },
  ],
  [{ message: 'A message (messages[0]) in the request body is invalid' }],
  [
    {
      message: 'A message (messages[0]) in the request body is invalid',
      details: [{ message: 'invalid uri scheme', property: '/footer/contents/2/action/uri' }],
    },
  ],
  [
    {
      message: 'The request body has 2 error(s)',
      details: [
        { message: 'x', property: 'to[0]' },
        { message: 'May not be empty', property: 'messages[1].text' },
      ],
    },
  ],
])('a 400 at the messages refuses the content on both lanes: %j', (body) => {
  expect(multicast(400, body).kind).toBe('content-refused')
  expect(push(400, body).kind).toBe('content-refused')
})

test('a 400 that names nobody refuses the only recipient of a push and some recipient of a multicast', () => {
  for (const message of [
    'Failed to send messages',
    "The property, 'to', in the request body is invalid (line: -, column: -)",
    'Something new',
  ]) {
    expect(push(400, { message })).toMatchObject({ kind: 'recipient-refused', index: 0 })
    expect(multicast(400, { message }).kind).toBe('some-recipient-refused')
  }
  expect(multicast(400, '<html>').kind).toBe('some-recipient-refused')
})

test.each([
  [{ message: 'The request body could not be parsed as JSON (line: 1, column: 3)' }],
  [{ message: 'Invalid retry key' }],
  [{ message: 'x', details: [{ message: 'y', property: 'customAggregationUnits[0]' }] }],
])('a 400 at what is neither recipient nor message refuses the call: %j', (body) => {
  expect(multicast(400, body).kind).toBe('call-refused')
  expect(push(400, body).kind).toBe('call-refused')
})

test('401 needs a token, other 4xx refuse the call', () => {
  expect(multicast(401, { message: 'Authentication failed' }).kind).toBe('needs-token')
  for (const status of [403, 404, 410, 413, 415, 422]) {
    expect(multicast(status, { message: 'No' }).kind).toBe('call-refused')
  }
})

test('429 is throttled unless its text speaks of the month', () => {
  const rate = { message: 'The API rate limit has been exceeded. Try again later.' }
  expect(multicast(429, rate).kind).toBe('throttled')
  expect(multicast(429, { message: 'You have reached your monthly limit.' }).kind).toBe(
    'needs-quota',
  )
  expect(multicast(429, '').kind).toBe('throttled')
})

test('5xx and what HTTP does not expect here are in doubt', () => {
  for (const status of [301, 500, 502, 503, 504]) {
    expect(multicast(status, 'x').kind).toBe('in-doubt')
  }
})

test('a reason holds no user id, no token and at most 200 characters of LINE’s', () => {
  const token = 'a'.repeat(172)
  const answer = multicast(403, {
    message: `No ${aUserId(7)} may ${token}`,
    details: [{ message: 'x '.repeat(500), property: `a${aUserId(9)}` }],
  })
  const reason = 'reason' in answer ? answer.reason : ''
  expect(reason).toContain('LINE answered 403: No <id> may <masked>')
  expect(reason).not.toMatch(/[0-9a-f]{32}|a{40}/)
  expect(reason.length).toBeLessThanOrEqual(225)
})

test('every status and every body has a meaning', () => {
  const body = fc.oneof(fc.string(), fc.json())
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), body, (status, text) => {
      const answer = multicast(status, text)
      const isAccepted = answer.kind === 'accepted' || answer.kind === 'accepted-earlier'
      expect(isAccepted && status >= 300).toBe(false)
    }),
  )
})
