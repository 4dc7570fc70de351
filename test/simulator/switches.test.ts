// The switches: each way that LINE may behave where its documents are silent.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Switches } from '../../simulator/settings.ts'
import { openSimulator, userId, type OpenSimulator } from './open-simulator.ts'

const withSwitches = (switches: Partial<Switches>) => openSimulator({ switches })
const received = async (line: OpenSimulator, n: number) =>
  (await line.call(`/_sim/received?user=${userId(n)}`)).body as unknown[]

test('a stranger is a friend who gets a phone at first receipt', async () => {
  await using line = await withSwitches({})
  await line.push(userId(1))
  expect(await received(line, 1)).toHaveLength(1)
})

test('a multicast skips an unknown id', async () => {
  await using line = await withSwitches({ strangers: 'unknown' })
  await line.call('/_sim/friends?state=friend', { body: userId(1) })
  expect((await line.multicast([userId(1), userId(2)])).status).toBe(200)
  expect(await received(line, 1)).toHaveLength(1)
  expect(await received(line, 2)).toHaveLength(0)
  expect((await line.call('/_sim/report')).body).toMatchObject({ undelivered: 1 })
})

test('a multicast with an unknown id is refused and reaches nobody', async () => {
  await using line = await withSwitches({ strangers: 'unknown', unknownIdInMulticast: 'reject' })
  await line.call('/_sim/friends?state=friend', { body: userId(1) })
  expect(await line.multicast([userId(1), userId(2)])).toMatchObject({
    status: 400,
    body: { message: 'Failed to send messages' },
  })
  expect(await received(line, 1)).toHaveLength(0)
})

test('a push to an unknown id is refused, or accepted in silence', async () => {
  await using line = await withSwitches({ strangers: 'unknown' })
  expect((await line.push(userId(1))).status).toBe(400)
  await line.call('/_sim/settings', {
    method: 'PATCH',
    body: { switches: { unknownIdInPush: 'skip' } },
  })
  expect((await line.push(userId(1))).status).toBe(200)
  expect(await received(line, 1)).toHaveLength(0)
})

test('a refused user refuses a call without being named, until it is a friend again', async () => {
  await using line = await withSwitches({})
  await line.call('/_sim/friends?state=refused', { body: userId(1) })
  const refusal = { status: 400, body: { message: 'Failed to send messages' } }
  expect(await line.multicast([userId(1), userId(2)])).toMatchObject(refusal)
  expect(await line.push(userId(1))).toMatchObject(refusal)
  expect(await received(line, 2)).toHaveLength(0)
  await line.call('/_sim/friends?state=friend', { body: userId(1) })
  expect((await line.multicast([userId(1), userId(2)])).status).toBe(200)
  expect(await received(line, 1)).toHaveLength(1)
})

test.each([
  [true, 409],
  [false, 400],
])(
  'with keyCheckedBeforeValidation %s an accepted key to nobody is answered %i, and is no violation',
  async (first, status) => {
    await using line = await withSwitches({ keyCheckedBeforeValidation: first })
    const key = randomUUID()
    expect((await line.multicast([userId(1)], {}, key)).status).toBe(200)
    expect((await line.multicast(['not-a-user-id'], {}, key)).status).toBe(status)
    expect((await line.call('/_sim/violations')).body).toMatchObject({ count: 0 })
    await line.multicast([userId(2)], {}, key)
    expect((await line.call('/_sim/violations')).body).toMatchObject({
      byKind: { 'retry-key-other-body': 1 },
    })
  },
)

test.each([
  [true, 409],
  [false, 400],
])('with keyCheckedBeforeValidation %s a key is answered %i', async (first, status) => {
  await using line = await withSwitches({ keyCheckedBeforeValidation: first })
  const key = randomUUID()
  expect((await line.multicast([userId(1)], {}, key)).status).toBe(200)
  await line.call('/_sim/faults', { body: { on: 'multicast', do: '400-unnamed' } })
  expect((await line.multicast([userId(1)], {}, key)).status).toBe(status)
  await line.call('/_sim/faults', { method: 'DELETE' })
  expect((await line.multicast([userId(1)], {}, key)).status).toBe(409)
})

test.each([
  [false, 200],
  [true, 409],
])('with keyBurntBy4xx %s a key after a 400 is answered %i', async (burnt, status) => {
  await using line = await withSwitches({ keyBurntBy4xx: burnt })
  await line.call('/_sim/faults', { body: { on: 'push', when: { nth: 1 }, do: '400-unnamed' } })
  const key = randomUUID()
  expect((await line.push(userId(1), {}, key)).status).toBe(400)
  const again = await line.push(userId(1), {}, key)
  expect(again.status).toBe(status)
  expect(again.headers['x-line-accepted-request-id']).toBeUndefined()
})

test.each([
  ['firstCall', 200],
  ['accepted', 409],
] as const)('with keyClock %s a key accepted late is answered %i', async (keyClock, status) => {
  await using line = await withSwitches({ keyClock })
  await line.call('/_sim/faults', { body: { on: 'push', when: { nth: 1 }, do: '400-unnamed' } })
  const key = randomUUID()
  const send = async () => {
    const { body } = await line.newToken('channel', 'secret')
    return line.line('/v2/bot/message/push', {
      body: { to: userId(1), messages: [{ type: 'text', text: 'Hello' }] },
      headers: {
        authorization: `Bearer ${(body as { access_token: string }).access_token}`,
        'x-line-retry-key': key,
      },
    })
  }
  expect((await send()).status).toBe(400)
  await line.call('/_sim/clock', { body: { advanceMs: 20 * 3_600_000 } })
  expect((await send()).status).toBe(200)
  await line.call('/_sim/clock', { body: { advanceMs: 5 * 3_600_000 } })
  expect((await send()).status).toBe(status)
})

test.each([
  ['once', 200, 1],
  ['twice', 200, 2],
  ['reject', 400, 0],
] as const)(
  'with duplicateIdsInTo %s an id that stands twice gets %i',
  async (policy, status, n) => {
    await using line = await withSwitches({ duplicateIdsInTo: policy })
    expect((await line.multicast([userId(1), userId(2), userId(1)])).status).toBe(status)
    expect(await received(line, 1)).toHaveLength(n)
  },
)
