// Segments that are deleted: who still needs the list of one, and what becomes of a start that meets it.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore, type OpenStore, smallPlan } from './open-store.ts'

let opened: OpenStore
beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const input = (sql: string) => ({ name: 'VIPs', dialect: 'duckdb' as const, sql })

/** A segment that was uploaded as a list. */
async function uploaded() {
  const listId = randomUUID().replaceAll('-', '_')
  const sql = `SELECT user_id FROM list_${listId}`
  const { id } = await opened.store.segments.create({ ...input(sql), listId })
  return { id, listId, sql }
}
/** A campaign of the segment. */
async function campaignOf(segmentId: string): Promise<string> {
  const { campaign } = await opened.campaign()
  await opened.query(`update campaign set segment_id = $2 where id = $1`, [campaign.id, segmentId])
  return campaign.id
}
const start = (campaignId: string) =>
  opened.store.deliveries.start({ campaignId, occurrence: 'once', by: 'a test', at: new Date() })
async function delivery(segmentId: string): Promise<string> {
  const started = await start(await campaignOf(segmentId))
  if (!started) throw new Error('No delivery was started.')
  return started.delivery.id
}
const remove = (id: string) => opened.store.segments.delete(id)

test('a deleted segment can be found still, and is neither listed, nor changed, nor started', async () => {
  const { segments } = opened.store
  const { id, listId, sql } = await uploaded()
  const campaignId = await campaignOf(id)
  const deletion = await remove(id)
  expect(deletion).toMatchObject({ kind: 'deleted', listId, segment: { id, sql } })
  expect((await segments.find(id))?.deletedAt).toBeInstanceOf(Date)
  expect((await segments.list()).map((one) => one.id)).not.toContain(id)
  expect(await segments.update(id, input('SELECT 1'))).toBeUndefined()
  expect(await start(campaignId)).toBeUndefined()
  expect(await remove(id)).toEqual(deletion)
  expect(await remove(randomUUID())).toBeUndefined()
})

test('a segment that is no list is deleted whoever has its SQL, for deliveries keep their own', async () => {
  const { id } = await opened.store.segments.create(input('SELECT user_id FROM friends'))
  await delivery(id)
  expect(await remove(id)).toMatchObject({ kind: 'deleted', listId: null })
})

test('a list is needed while another segment reads it', async () => {
  const { segments } = opened.store
  const { id, listId } = await uploaded()
  const reading = `SELECT user_id FROM friends WHERE user_id IN (SELECT user_id FROM "LIST_${listId}")`
  const other = await segments.create(input(reading))
  const third = await segments.create(input(`${reading} LIMIT 1`))
  expect(await remove(id)).toEqual({
    kind: 'in use',
    segments: [other, third].map((one) => ({ id: one.id, name: 'VIPs' })),
    deliveryIds: [],
  })
  expect((await segments.find(id))?.deletedAt).toBeNull()
  await segments.update(third.id, input('SELECT user_id FROM friends'))
  expect(await remove(other.id)).toMatchObject({ kind: 'deleted', listId: null })
  expect(await remove(id)).toMatchObject({ kind: 'deleted', listId })
})

test('a list is needed by open deliveries of whatever segment until they have a plan or an end', async () => {
  const { segments, deliveries, plans } = opened.store
  const { id, sql } = await uploaded()
  const [frozen, ended] = [await delivery(id), await delivery(id)]
  const other = await segments.create(input(`${sql} LIMIT 1`))
  const changed = await delivery(other.id)
  await segments.update(other.id, input('SELECT user_id FROM friends'))
  const needing = async () => {
    const deletion = await remove(id)
    return deletion?.kind === 'in use' ? deletion.deliveryIds : deletion?.kind
  }
  expect(await needing()).toEqual([frozen, ended, changed].sort())
  await plans.commit(frozen, smallPlan)
  await deliveries.end(ended, 'cancelled', { account: null })
  expect(await needing()).toEqual([changed])
  await deliveries.end(changed, 'failed before send', { account: null })
  expect(await needing()).toBe('deleted')
})

test('a list is not needed by a retry, which is made of an earlier plan', async () => {
  const { deliveries, plans, retries } = opened.store
  const { id } = await uploaded()
  const earlier = await delivery(id)
  await plans.commit(earlier, smallPlan)
  await deliveries.end(earlier, 'done with failures', { account: null })
  const retry = await retries.start({
    deliveryId: earlier,
    number: 1,
    outcomes: ['unsent'],
    by: 'a test',
    why: undefined,
    at: new Date(),
  })
  expect(retry).toMatchObject({ kind: 'started', delivery: { segmentId: id } })
  expect(await remove(id)).toMatchObject({ kind: 'deleted' })
})

test('a start that meets a deletion makes no delivery', async () => {
  const { id } = await uploaded()
  const campaignId = await campaignOf(id)
  const deletion = await opened.hold(
    `update segment set deleted_at = clock_timestamp() where id = $1`,
    [id],
  )
  const starting = start(campaignId)
  await opened.untilBlocked(1)
  await deletion.commit()
  expect(await starting).toBeUndefined()
})

test('a deletion that meets a start waits for it, and is refused for its delivery', async () => {
  const { id } = await uploaded()
  const campaignId = await campaignOf(id)
  const begun = await opened.hold(
    `insert into delivery (id, campaign_id, occurrence, channel_id, content_id, content_version, segment_id,
       segment_sql, priority, time_zone, locale, rendered_as_of, state, started_by)
     select gen_random_uuid(), c.id, 'once', channel_id, content_id, 1, s.id, s.sql, 3, time_zone, locale,
       clock_timestamp(), 'starting', 'a test'
     from campaign c join segment s on s.id = c.segment_id where c.id = $1 for share of s`,
    [campaignId],
  )
  const deleting = remove(id)
  await opened.untilBlocked(1)
  await begun.commit()
  expect(await deleting).toMatchObject({ kind: 'in use', deliveryIds: [expect.any(String)] })
})
