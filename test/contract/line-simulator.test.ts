// Our LINE client against the simulator over real HTTP: what each of LINE's behaviours is to the client.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLine } from '../../line/client.ts'
import { installLineDispatcher } from '../../line/dispatcher.ts'
import { type LineAnswer, type LineCall, type LinePort } from '../../line/port.ts'
import { retryKey } from '../../line/retry-key.ts'
import { createSimulator, type Simulator } from '../../simulator/simulator.ts'

const channel = { lineChannelId: '1234567890', channelSecret: 'the-secret' }
/** To be passed; long enough for a token and an answer on a busy machine. */
const deadlineMs = 2_000
const aUserId = (n: number) => `U${n.toString(16).padStart(32, '0')}`

let simulator: Simulator
let baseUrl: string
let line: LinePort
let uninstall: () => Promise<void>

beforeEach(async () => {
  simulator = createSimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  baseUrl = `http://127.0.0.1:${port}`
  uninstall = installLineDispatcher({ baseUrl, deadlineMs })
  line = createLine({ baseUrl, deadlineMs, clock: { now: () => Date.now() } })
})

afterEach(async () => {
  await simulator.close()
  await line.close()
  await uninstall()
})

async function control(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${baseUrl}/_sim/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json' },
  })
  expect(response.status).toBeLessThan(300)
  return response.json()
}

let lastRequest = 0
function aCall(changes: Partial<LineCall> = {}): LineCall {
  const requestNo = lastRequest++
  return {
    channel,
    lane: 'multicast',
    to: [aUserId(1), aUserId(2), aUserId(3)],
    messagesJson: '[{"type":"text","text":"Hello"}]',
    notificationDisabled: false,
    aggregationUnit: 'contract',
    retryKey: retryKey({ deliveryId: 'd', lane: 'multicast', requestNo }),
    ...changes,
  }
}
const aPush = () => aCall({ lane: 'push', to: [aUserId(7)] })

test('a multicast is accepted once, and its repetition is accepted earlier with the first id', async () => {
  const call = aCall()
  const first = await line.send(call)
  expect(first.kind).toBe('accepted')
  const id = 'lineRequestId' in first ? first.lineRequestId : undefined
  expect(id).toBeTruthy()
  expect(await line.send(call)).toEqual({ kind: 'accepted-earlier', lineRequestId: id })
  expect(await control('GET', 'violations')).toMatchObject({ count: 0 })
})

test('a push is accepted once, and its repetition is accepted earlier', async () => {
  const call = aPush()
  expect((await line.send(call)).kind).toBe('accepted')
  expect((await line.send(call)).kind).toBe('accepted-earlier')
})

/** What a fault on the first call is, and what the same call is afterwards. */
const faults: [string, LineAnswer['kind'], LineAnswer['kind']][] = [
  ['429-rate', 'throttled', 'accepted'],
  ['429-quota', 'throttled', 'accepted'],
  ['429-user', 'throttled', 'accepted'],
  ['500-before-accept', 'in-doubt', 'accepted'],
  ['500-after-accept', 'in-doubt', 'accepted-earlier'],
  ['503', 'in-doubt', 'accepted'],
  ['accept-then-drop-connection', 'in-doubt', 'accepted-earlier'],
  ['drop-before-accept', 'in-doubt', 'accepted'],
  ['half-a-reply', 'in-doubt', 'accepted-earlier'],
  ['garbage-body', 'in-doubt', 'accepted-earlier'],
  ['403', 'call-refused', 'accepted'],
  ['400-content', 'content-refused', 'accepted'],
]

test.each(faults)('%s is %s, and the same call again is %s', async (fault, kind, afterwards) => {
  for (const call of [aCall(), aPush()]) {
    await control('POST', 'faults', { on: call.lane, when: { times: 1 }, do: fault })
    expect((await line.send(call)).kind).toBe(kind)
    expect((await line.send(call)).kind).toBe(afterwards)
  }
})

test('a call that is slower than the deadline is in doubt, and the key settles it', async () => {
  const call = aCall()
  await control('POST', 'faults', {
    on: 'multicast',
    when: { times: 1 },
    do: 'slow',
    ms: 3 * deadlineMs,
  })
  expect((await line.send(call)).kind).toBe('in-doubt')
  expect((await line.send(call)).kind).toMatch(/^accepted/)
})

test('a refused connection is in doubt or not made, and the same call goes through afterwards', async () => {
  const call = aCall()
  await line.send(aCall())
  await control('POST', 'faults', { on: 'multicast', when: { times: 1 }, do: 'refuse-connection' })
  expect(['in-doubt', 'not-connected']).toContain((await line.send(call)).kind)
  expect((await line.send(call)).kind).toBe('accepted')
})

test('a refused recipient is named by index, or it is some recipient; in a push it is the only one', async () => {
  const once = { times: 1 }
  for (const on of ['multicast', 'push']) {
    await control('POST', 'faults', { on, do: '400-bad-user', when: once, index: 2 })
    await control('POST', 'faults', { on, do: '400-unnamed', when: { from: 2 } })
  }
  expect(await line.send(aCall())).toMatchObject({ kind: 'recipient-refused', index: 2 })
  expect((await line.send(aCall())).kind).toBe('some-recipient-refused')
  expect(await line.send(aPush())).toMatchObject({ kind: 'recipient-refused', index: 0 })
  expect(await line.send(aPush())).toMatchObject({ kind: 'recipient-refused', index: 0 })
})

test('a malformed id, messages that LINE refuses and a bad key are told apart', async () => {
  const refusedAt = await line.send(aCall({ to: [aUserId(1), 'nobody'] }))
  expect(refusedAt).toMatchObject({ kind: 'recipient-refused', index: 1 })
  const empty = aCall({ messagesJson: '[{"type":"text","text":""}]' })
  expect((await line.send(empty)).kind).toBe('content-refused')
  expect((await line.send(aCall({ retryKey: 'no-uuid' }))).kind).toBe('call-refused')
  expect((await line.send(aCall({ aggregationUnit: 'a-b' }))).kind).toBe('call-refused')
  expect((await line.send(aCall({ messagesJson: '[{' }))).kind).toBe('call-refused')
})

test('one 401 is overcome with a new token, two refuse the token', async () => {
  await control('POST', 'faults', { on: 'multicast', when: { times: 1 }, do: '401' })
  expect((await line.send(aCall())).kind).toBe('accepted')
  await control('POST', 'faults', { on: 'multicast', do: '401' })
  expect((await line.send(aCall())).kind).toBe('token-refused')
})

test('revoked tokens are renewed without anybody noticing', async () => {
  expect((await line.send(aCall())).kind).toBe('accepted')
  await control('POST', 'tokens/revoke', { channelId: channel.lineChannelId })
  expect((await line.send(aCall())).kind).toBe('accepted')
})

test('a used-up month is quota reached, and the quota shows it', async () => {
  await control('PATCH', 'settings', { quota: { type: 'limited', value: 4 } })
  expect((await line.send(aCall())).kind).toBe('accepted')
  expect(await line.quota(channel)).toEqual({ limit: 4, used: 3 })
  expect((await line.send(aCall())).kind).toBe('quota-reached')
  expect((await line.send(aPush())).kind).toBe('accepted')
})

test('the rate limit is throttled, and the same call goes through later', async () => {
  await control('PATCH', 'settings', { limits: { multicastPerSecond: 0.001, burstSeconds: 1000 } })
  expect((await line.send(aCall())).kind).toBe('accepted')
  const call = aCall()
  expect((await line.send(call)).kind).toBe('throttled')
  await control('PATCH', 'settings', { limits: { enabled: false } })
  expect((await line.send(call)).kind).toBe('accepted')
})

test('validation takes good messages and gives LINE’s words on others', async () => {
  const good = [{ type: 'text', text: 'x' }]
  expect(await line.validate(channel, 'multicast', good)).toBeNull()
  expect(await line.validate(channel, 'push', [{ type: 'text', text: '' }])).toContain(
    'messages[0].text',
  )
})

test('a silent token endpoint is the same as no connection', async () => {
  await control('POST', 'faults', { on: 'token', do: 'slow', ms: 5000 })
  expect((await line.send(aCall())).kind).toBe('not-connected')
})
