// Which plans are needed, and giving up others: only of what ended long ago, and never of what a retry needs.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore, type OpenStore, smallPlan } from './open-store.ts'

let opened: OpenStore
beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const dayMs = 24 * 60 * 60 * 1000
const later = (days: number) => new Date(Date.now() + days * dayMs)

async function ended(): Promise<string> {
  const { id } = await opened.delivery()
  await opened.store.deliveries.end(id, 'done', { account: null })
  return id
}
const retry = (deliveryId: string, number: number) =>
  opened.store.retries.start({
    deliveryId,
    number,
    outcomes: ['unsent'],
    by: 'a test',
    why: undefined,
    at: new Date(),
  })
const isReleased = async (id: string) => (await opened.store.retention.released([id])).length > 0

async function planned(): Promise<string> {
  const { id } = await opened.delivery()
  await opened.store.plans.commit(id, smallPlan)
  return id
}

test('a plan is needed until its delivery has ended, in whatever state that is', async () => {
  const { deliveries, retention } = opened.store
  const [sending, paused, interrupted, cancelled, over] = [
    await planned(),
    await planned(),
    await planned(),
    await planned(),
    await planned(),
  ]
  const { id: unplanned } = await opened.delivery()
  await deliveries.setPhase(sending, 'sending')
  await deliveries.moveGate(paused, 'paused', { by: 'a test', why: 'to see' })
  await deliveries.setInterrupted(interrupted, true)
  await deliveries.moveGate(cancelled, 'cancelled', { by: 'a test', why: 'to see' })
  await deliveries.end(over, 'done', { account: null })
  const needed = await retention.needed()
  for (const deliveryId of [sending, paused, interrupted, cancelled])
    expect(needed).toContainEqual({ deliveryId, attempt: smallPlan.attempt })
  const ids = needed.map(({ deliveryId }) => deliveryId)
  for (const id of [over, unplanned]) expect(ids).not.toContain(id)
})

test('a plan is needed again while an open delivery retries its own', async () => {
  const { deliveries, retention } = opened.store
  const isNeeded = async () =>
    (await retention.needed()).some(({ deliveryId }) => deliveryId === over)
  const over = await planned()
  await deliveries.end(over, 'done', { account: null })
  const started = await retry(over, 1)
  if (started?.kind !== 'started') throw new Error('No retry was started.')
  expect(await isNeeded()).toBe(true)
  await deliveries.end(started.delivery.id, 'done', { account: null })
  expect(await isNeeded()).toBe(false)
})

test('a plan is given up when its delivery has ended before the instant, and stays so', async () => {
  const { retention } = opened.store
  const id = await ended()
  const { id: open } = await opened.delivery()
  await retention.release(later(-1))
  expect(await isReleased(id)).toBe(false)
  await retention.release(later(1))
  const at = (await opened.store.deliveries.find(id))?.planDroppedAt
  expect(at).toBeInstanceOf(Date)
  await retention.release(later(2))
  expect((await opened.store.deliveries.find(id))?.planDroppedAt).toEqual(at)
  const asked = [open, id, crypto.randomUUID(), '..', 'a folder']
  expect(await retention.released(asked)).toEqual([id])
})

test('one that an open delivery retries is kept until that has ended', async () => {
  const { retention } = opened.store
  const id = await ended()
  const started = await retry(id, 1)
  if (started?.kind !== 'started') throw new Error('No retry was started.')
  await retention.release(later(1))
  expect(await isReleased(id)).toBe(false)
  await opened.store.deliveries.end(started.delivery.id, 'done', { account: null })
  await retention.release(later(1))
  expect(await isReleased(id)).toBe(true)
})

test('one that is given up can not be retried any more, but an order made before is met', async () => {
  const id = await ended()
  const before = await retry(id, 1)
  if (before?.kind !== 'started') throw new Error('No retry was started.')
  await opened.store.deliveries.end(before.delivery.id, 'done', { account: null })
  await opened.store.retention.release(later(1))
  expect(await retry(id, 2)).toMatchObject({ kind: 'dropped' })
  expect(await retry(id, 1)).toMatchObject({ kind: 'started', isNew: false })
})

test('a retry that is ordered while plans are given up keeps its plan', async () => {
  const id = await ended()
  // The order has its lock and is not committed; whoever gives up plans waits for it, and then sees the retry.
  const order = await opened.hold(
    `with old as (select * from delivery where id = $1 for update)
     insert into delivery (id, campaign_id, occurrence, channel_id, content_id, content_version, segment_id,
       segment_sql, priority, time_zone, locale, rendered_as_of, state, started_by, retry_of, retry_outcomes)
     select gen_random_uuid(), campaign_id, 'retry/' || id || '/1', channel_id, content_id, content_version, segment_id,
       segment_sql, priority, time_zone, locale, rendered_as_of, 'starting', 'a test', id, '{unsent}' from old`,
    [id],
  )
  const releasing = opened.store.retention.release(later(1))
  await opened.untilBlocked(1)
  await order.commit()
  await releasing
  expect(await isReleased(id)).toBe(false)
})
