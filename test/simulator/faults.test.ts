// Faults: each kind does what its name says, on the calls that its rule names, and the key tells the truth after.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { FAULT_KINDS, type FaultKind } from '../../simulator/faults.ts'
import { openSimulator, userId, type OpenSimulator } from './open-simulator.ts'

const post = (line: OpenSimulator, fault: object) => line.call('/_sim/faults', { body: fault })

interface Expected {
  /** Status of the call on which the fault falls; `cut` when its connection is closed. */
  first: number | 'cut'
  /** Status of the same call made again: 409 tells that the first was accepted. */
  again: number
  body?: unknown
}

const expected: Record<FaultKind, Expected> = {
  '429-rate': {
    first: 429,
    again: 200,
    body: { message: 'The API rate limit has been exceeded. Try again later.' },
  },
  '429-quota': {
    first: 429,
    again: 200,
    body: { message: 'You have reached your monthly limit.' },
  },
  '429-user': { first: 429, again: 200 },
  '500-before-accept': { first: 500, again: 200 },
  '500-after-accept': { first: 500, again: 409 },
  '503': { first: 503, again: 200 },
  'accept-then-drop-connection': { first: 'cut', again: 409 },
  'drop-before-accept': { first: 'cut', again: 200 },
  'refuse-connection': { first: 'cut', again: 200 },
  slow: { first: 200, again: 409 },
  'half-a-reply': { first: 'cut', again: 409 },
  'garbage-body': { first: 200, again: 409, body: expect.stringMatching(/^<html>/) },
  '401': { first: 401, again: 200 },
  '403': { first: 403, again: 200 },
  '400-bad-user': {
    first: 400,
    again: 200,
    body: { message: 'The property, to[0], in the request body is invalid (line: -, column: -)' },
  },
  '400-unnamed': { first: 400, again: 200, body: { message: 'Failed to send messages' } },
  '400-content': {
    first: 400,
    again: 200,
    body: {
      message: 'The request body has 1 error(s)',
      details: [{ message: 'May not be empty', property: 'messages[0].text' }],
    },
  },
}

test.each(FAULT_KINDS)('%s falls once, and the same call made again ends well', async (kind) => {
  await using line = await openSimulator()
  await post(line, {
    on: 'multicast',
    when: { nth: 1 },
    do: kind,
    ...(kind === 'slow' ? { ms: 1 } : {}),
  })
  const key = randomUUID()
  const { first, again, body } = expected[kind]
  const call = line.multicast([userId(1), userId(2)], {}, key)
  if (first === 'cut') await expect(call).rejects.toThrow()
  else expect(await call).toMatchObject({ status: first, ...(body === undefined ? {} : { body }) })
  expect((await line.multicast([userId(1), userId(2)], {}, key)).status).toBe(again)
  expect((await line.call('/_sim/report')).body).toMatchObject({
    recipients: { once: 2, twice: 0 },
    calls: { accepted: 1 },
  })
  expect((await line.call('/_sim/violations')).body).toMatchObject({ count: 0 })
})

test('a fault may name a user, and names that user in its answer', async () => {
  await using line = await openSimulator()
  await post(line, { on: 'multicast', when: { containsUser: userId(2) }, do: '400-bad-user' })
  expect((await line.multicast([userId(1), userId(3)])).status).toBe(200)
  expect((await line.multicast([userId(1), userId(3), userId(2)])).body).toEqual({
    message: 'The property, to[2], in the request body is invalid (line: -, column: -)',
  })
  await post(line, { on: 'push', when: { containsUser: userId(2) }, do: '400-unnamed' })
  expect((await line.push(userId(2))).status).toBe(400)
})

test('a fault may name a unit', async () => {
  await using line = await openSimulator()
  await post(line, { on: 'any', when: { unit: 'a' }, do: '503' })
  expect((await line.push(userId(1), { customAggregationUnits: ['a'] })).status).toBe(503)
  expect((await line.push(userId(1), { customAggregationUnits: ['b'] })).status).toBe(200)
})

const whens: [object, number[]][] = [
  [{ nth: 3 }, [3]],
  [{ every: 2 }, [2, 4, 6]],
  [{ from: 5 }, [5, 6]],
  [{ until: 2 }, [1, 2]],
  [{ from: 2, times: 2 }, [2, 3]],
  [{ share: 1 }, [1, 2, 3, 4, 5, 6]],
  [{ share: 0 }, []],
  [{}, [1, 2, 3, 4, 5, 6]],
]

test.each(whens)('a fault when %j falls on the calls %j', async (when, calls) => {
  await using line = await openSimulator()
  await post(line, { on: 'push', when, do: '503' })
  const hit: number[] = []
  for (let n = 1; n <= 6; n++) if ((await line.push(userId(n))).status === 503) hit.push(n)
  expect(hit).toEqual(calls)
  expect((await line.call('/_sim/faults')).body).toMatchObject([{ seen: 6, fired: calls.length }])
})

test('the share of a fault falls on the same calls for the same seed', async () => {
  const run = async (seed: number) => {
    await using line = await openSimulator({ seed })
    await post(line, { on: 'push', when: { share: 0.5 }, do: '503' })
    const statuses: number[] = []
    for (let n = 0; n < 40; n++) statuses.push((await line.push(userId(n))).status)
    return statuses.join()
  }
  const first = await run(7)
  expect(await run(7)).toBe(first)
  expect(await run(8)).not.toBe(first)
})

test('a call that has a quota fault or a token fault is not a send, and fails alike', async () => {
  await using line = await openSimulator()
  await post(line, { on: 'quota', when: { times: 1 }, do: '500-before-accept' })
  await post(line, { on: 'token', when: { times: 1 }, do: '503' })
  expect((await line.line('/v2/bot/message/quota')).status).toBe(500)
  expect((await line.line('/v2/bot/message/quota')).status).toBe(200)
  expect((await line.newToken('channel', 'secret')).status).toBe(503)
  expect((await line.newToken('channel', 'secret')).status).toBe(200)
})

test('a fault is listed, and gone when it is deleted', async () => {
  await using line = await openSimulator()
  const { body } = await post(line, { on: 'push', do: '503' })
  await post(line, { on: 'push', do: '500-before-accept' })
  await line.call(`/_sim/faults/${(body as { id: string }).id}`, { method: 'DELETE' })
  expect((await line.push(userId(1))).status).toBe(500)
  await line.call('/_sim/faults', { method: 'DELETE' })
  expect((await line.push(userId(1))).status).toBe(200)
  expect((await line.call('/_sim/faults')).body).toEqual([])
})

const badRules: [object, string][] = [
  [{ on: 'push', do: 'explode' }, '/do'],
  [{ on: 'push', do: '503', when: { nht: 1 } }, '/when/nht'],
  [{ on: 'push', do: 'slow' }, '/ms'],
  [{ on: 'push', do: 'refuse-connection', when: { unit: 'a' } }, '/when'],
]

test.each(badRules)('the rule %j is refused at %s', async (rule, pointer) => {
  await using line = await openSimulator()
  expect(await post(line, rule)).toMatchObject({ status: 400, body: { pointer } })
})
