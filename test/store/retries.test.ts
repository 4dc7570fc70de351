// Retries: whoever asks and however often, a recipient is given to one of them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RetriedOutcome } from '../../domain/outcome.ts'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const start = (deliveryId: string, number: number, outcomes: RetriedOutcome[]) =>
  opened.store.retries.start({
    deliveryId,
    number,
    outcomes,
    by: 'a test',
    why: undefined,
    at: new Date(),
  })

test('of retries with one outcome in common that are ordered at once there is one', async () => {
  const { id } = await opened.delivery()
  // All of them have begun before the first may go on.
  const held = await opened.hold('select id from delivery where id = $1 for update', [id])
  const ordered = Promise.all([
    start(id, 1, ['unsent']),
    start(id, 2, ['rejected', 'unsent']),
    start(id, 3, ['unsent', 'skipped']),
    start(id, 4, ['unsent']),
  ])
  await opened.untilBlocked(4)
  await held.commit()
  const orders = await ordered
  const made = orders.flatMap((order) => (order?.kind === 'started' ? [order.delivery.id] : []))
  expect(made).toHaveLength(1)
  for (const order of orders)
    if (order?.kind === 'taken')
      expect([order.delivery.id, order.outcomes]).toEqual([made[0], ['unsent']])
})

test('the same number is the same delivery, pinned as the one that it retries', async () => {
  const { id } = await opened.delivery()
  const old = await opened.store.deliveries.find(id)
  const orders = await Promise.all([1, 2, 3].map(() => start(id, 1, ['unsent'])))
  expect(orders.filter((order) => order?.kind === 'started' && order.isNew)).toHaveLength(1)
  const [first] = orders
  expect(first).toMatchObject({
    delivery: {
      occurrence: `retry/${id}/1`,
      retry: { of: id, outcomes: ['unsent'] },
      campaignId: old?.campaignId,
      contentId: old?.contentId,
      contentVersion: old?.contentVersion,
      segmentSql: old?.segmentSql,
      state: 'starting',
    },
  })
  const rest = await start(id, 2, ['rejected', 'skipped'])
  expect(rest).toMatchObject({ kind: 'started', isNew: true })
  expect(await start(crypto.randomUUID(), 1, ['unsent'])).toBeUndefined()
})

test('whom a retry had that ended before its first call another one may have', async () => {
  const { id } = await opened.delivery()
  const first = await start(id, 1, ['unsent'])
  if (first?.kind !== 'started') throw new Error('No retry was started.')
  await opened.store.deliveries.end(first.delivery.id, 'failed before send', {
    account: null,
  })
  expect(await start(id, 2, ['unsent'])).toMatchObject({ kind: 'started', isNew: true })
  expect(await start(id, 3, ['unsent'])).toMatchObject({ kind: 'taken' })
})
