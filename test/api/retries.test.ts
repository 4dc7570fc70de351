// Retrying what an ended delivery left undelivered, over HTTP and by lfm.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Account, emptyAccount } from '../../domain/outcome.ts'
import { lfm as run } from '../cli/support.ts'
import { makeDelivery, startApi, type TestApi } from './support.ts'

let api: TestApi
let time = new Date('2026-11-24T12:00:00Z')
beforeAll(async () => {
  api = await startApi({ now: () => time })
})
afterAll(() => api[Symbol.asyncDispose]())

const lfm = (...args: string[]) => run(api.url, ['delivery', 'retry', ...args])

async function ended(account: Partial<Account>): Promise<string> {
  const { id } = await makeDelivery(api)
  await api.store.deliveries.end(id, 'cancelled during send', {
    account: { ...emptyAccount, ...account },
  })
  return id
}

/** Somebody whose only call was made then and never answered. */
async function inDoubtSince(deliveryId: string, firstCallAt: string): Promise<void> {
  const batch = { deliveryId, lane: 'multicast' as const, batchNo: 0 }
  const { attemptNo } = await api.store.ledger.beginAttempt({
    ...batch,
    planAttempt: 'a1',
    bodyDigest: 'd',
    recipients: 3,
    round: 0,
  })
  await api.store.ledger.merge(
    { ...batch, attemptNo },
    {
      0: {
        state: 'unknown',
        recipients: 3,
        fromOrdinal: 0,
        toOrdinal: 3,
        round: 2,
        generation: 0,
        at: firstCallAt,
        firstCallAt,
      },
    },
  )
}

const retry = (id: string, body: object = {}) => api.call('POST', `/deliveries/${id}/retry`, body)

test('an ended delivery is retried over its unsent, once, and both show the link', async () => {
  const id = await ended({ planned: 10, accepted: 6, unsent: 4 })
  const answers = await Promise.all(Array.from({ length: 6 }, () => retry(id)))
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
  const made = answers[0]?.body
  expect(made).toMatchObject({
    occurrence: `retry/${id}/1`,
    retry: { of: id, outcomes: ['unsent'] },
    startedBy: 'tests',
  })
  expect(api.workflows.started.filter(({ deliveryId }) => deliveryId === made?.id)).not.toEqual([])
  const shown = await api.call('GET', `/deliveries/${made?.id}`)
  expect(shown.body.retry).toEqual({ of: id, outcomes: ['unsent'] })
  const history = await api.call('GET', `/deliveries/${id}/history`)
  expect(history.body.items).toContainEqual(
    expect.objectContaining({ kind: 'retried', detail: `as ${made?.id}, over unsent` }),
  )
})

test('a delivery whose plan has been removed is not retried, and its malformed ids are not listed', async () => {
  const id = await ended({ planned: 10, accepted: 6, unsent: 4 })
  await api.store.retention.release(new Date(Date.now() + 60_000))
  const answer = await retry(id)
  expect(answer).toMatchObject({ status: 409, body: { type: '/problems/retry-refused' } })
  expect(answer.body.detail).toMatch(/plan of delivery .* was removed on \d{4}-\d\d-\d\d/)
  const listed = await api.call('GET', `/deliveries/${id}/malformed`)
  expect(listed.status).toBe(404)
  expect(listed.body.detail).toMatch(/were removed on/)
})

test('what is no retry is refused with a sentence that says why', async () => {
  const { id: open } = await makeDelivery(api)
  expect((await retry(open)).body).toMatchObject({
    status: 409,
    type: expect.stringContaining('too-early') as string,
  })
  const { id: never } = await makeDelivery(api)
  await api.store.deliveries.end(never, 'cancelled', { account: null })
  expect((await retry(never)).body['detail']).toMatch(
    /nothing was sent\. Start its campaign again: lfm campaign start [\w-]{36} --again <n>/,
  )
  const done = await ended({ planned: 10, accepted: 9, rejected: 1 })
  expect((await retry(done)).body['detail']).toMatch(/has no recipients that are unsent/)
  expect((await retry(done, { outcomes: ['accepted'] })).status).toBe(422)
  expect((await retry(crypto.randomUUID())).status).toBe(404)
})

test('recipients that one retry has are given to no other', async () => {
  const id = await ended({ planned: 10, unsent: 4, rejected: 3, skipped: 3 })
  const first = await retry(id)
  const second = await retry(id, { number: 2, outcomes: ['rejected', 'unsent'] })
  expect(second.status).toBe(409)
  expect(second.body['detail']).toContain(`Delivery ${first.body.id} is a retry over the unsent`)
  expect((await retry(id, { outcomes: ['rejected'] })).body['detail']).toMatch(
    /needs another number/,
  )
  const rest = await retry(id, { number: 2, outcomes: ['skipped', 'rejected'] })
  expect(rest.status).toBe(201)
  expect(rest.body['retry']).toEqual({ of: id, outcomes: ['rejected', 'skipped'] })
})

test('who is unknown is retried only when their keys are dead, and their number is said', async () => {
  const id = await ended({ planned: 10, accepted: 7, unknown: 3 })
  await inDoubtSince(id, '2026-11-24T02:00:00.000Z')
  const order = { outcomes: ['unknown'], mayReachTwice: 3 }
  expect((await retry(id, order)).body['detail']).toMatch(
    /3 recipients .* live until 2026-11-25T01:00:00\.000Z/,
  )
  time = new Date('2026-11-25T01:00:01Z')
  expect((await retry(id, { outcomes: ['unknown'] })).body['detail']).toMatch(
    /may reach them twice\. To do so, say mayReachTwice: 3\./,
  )
  expect((await retry(id, { ...order, mayReachTwice: 2 })).body['detail']).toMatch(
    /say mayReachTwice: 3, not 2/,
  )
  expect((await retry(id, order)).status).toBe(201)
})

test('lfm retries by the same rules, and shows what the new delivery is for', async () => {
  const id = await ended({ planned: 10, accepted: 2, unsent: 4, rejected: 1, unknown: 3 })
  const shown = await lfm(id, '--rejected', '--why', 'they were promised it')
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  expect(shown.stdout).toMatch(new RegExp(`retry of +${id} \\(rejected, unsent\\)`))
  expect((await lfm(id, '--rejected')).code).toBe(0)
  const unknown = await lfm(id, '--number', '2', '--no-unsent', '--unknown')
  expect(unknown.code).not.toBe(0)
  expect(unknown.stderr).toMatch(/mayReachTwice: 3/)
  const agreed = await lfm(id, '--number=2', '--no-unsent', '--unknown', '--may-reach-twice', '3')
  expect(agreed.stdout).toMatch(/\(unknown\)/)
})
