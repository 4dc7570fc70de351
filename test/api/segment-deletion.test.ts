// Segments deleted over HTTP: an uploaded list goes from the warehouse with its own, unless somebody needs it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { segmentUpload } from '../../api/schemas/segment.ts'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { type Warehouse } from '../../warehouse/port.ts'
import { aChannel, aContent, aSegment, startApi, type TestApi } from './support.ts'

let api: TestApi
let warehouse: Warehouse
let dataDir: string
/** Whether the warehouse removes nothing now. */
let isAway = false
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'lfm-segment-deletion-'))
  warehouse = createDuckDbWarehouse({ dataDir })
  const dropList = (listId: string) =>
    isAway ? Promise.reject(new Error('The folder is away.')) : warehouse.dropList(listId)
  api = await startApi({ warehouse: { ...warehouse, dropList } })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await warehouse.close()
  await rm(dataDir, { recursive: true })
})

const nobody = '00000000-0000-4000-8000-000000000000'

/** Uploads a list of one; its segment, and how to look for the list. */
async function upload() {
  const res = await api.raw('/api/v1/segments/upload?name=VIPs', {
    method: 'POST',
    body: `${userId(1)}\n`,
    headers: { 'content-type': 'text/csv' },
  })
  const { segment, table } = segmentUpload.parse(await res.json())
  const isThere = async () =>
    (await warehouse.inspectList(table.replace('list_', ''))) !== undefined
  return { id: segment.id, sql: segment.sql, table, isThere }
}
async function campaignOf(segmentId: string) {
  const channel = await api.call('POST', '/channels', aChannel())
  const content = await api.call('POST', '/contents', aContent())
  const made = { name: 'Sale', channelId: channel.body.id, contentId: content.body.id, segmentId }
  return api.call('POST', '/campaigns', made)
}
const remove = (id: string) => api.call('DELETE', `/segments/${id}`)

test('a list goes with its segment, and asked for again it is answered the same', async () => {
  const { id, isThere } = await upload()
  expect(await isThere()).toBe(true)
  const first = await remove(id)
  expect(first).toMatchObject({
    status: 200,
    body: { id, deletedAt: expect.any(String) as string },
  })
  expect(await isThere()).toBe(false)
  expect((await remove(id)).body).toEqual(first.body)
  expect((await api.call('GET', `/segments/${id}`)).body).toEqual(first.body)
  const { items } = (await api.call('GET', '/segments')).body
  expect(JSON.stringify(items)).not.toContain(id)
  expect((await remove(nobody)).body).toMatchObject({ status: 404, type: '/problems/not-found' })
})

test('a list that another segment reads stays, and the segment is named', async () => {
  const { id, sql, isThere } = await upload()
  const { body } = await api.call('POST', '/segments', { name: 'Some', sql: `${sql} LIMIT 1` })
  const refused = await remove(id)
  expect(refused.body).toMatchObject({ status: 409, type: '/problems/segment-in-use' })
  expect(refused.body['detail']).toContain(`"Some" (${body.id})`)
  expect(await isThere()).toBe(true)
  await remove(body.id)
  expect((await remove(id)).status).toBe(200)
  expect(await isThere()).toBe(false)
})

test('a list stays until every delivery of it is frozen, and the plan does without it', async () => {
  const { id, sql, isThere } = await upload()
  const campaign = await campaignOf(id)
  const path = `/campaigns/${campaign.body.id}/deliveries`
  const deliveryId = (await api.call('POST', path, {})).body.id
  const refused = await remove(id)
  expect(refused.body).toMatchObject({ status: 409, type: '/problems/segment-in-use' })
  expect(refused.body['detail']).toContain(deliveryId)
  expect(await isThere()).toBe(true)

  const request = { deliveryId, attempt: 'a1', sql, variables: [], deliveryAt }
  await api.store.plans.commit(deliveryId, await warehouse.freeze(request))
  expect((await remove(id)).status).toBe(200)
  const range = { deliveryId, attempt: 'a1', lane: 'multicast', fromRequest: 0 } as const
  const [planned] = await warehouse.readRequests({ ...range, toRequest: 1 })
  expect(planned?.userIds).toEqual([userId(1)])
  // Asked for again, the start is answered with what it made.
  expect((await api.call('POST', path, {})).body.id).toBe(deliveryId)
})

test('of a deleted segment no campaign is made or started, and it is not changed', async () => {
  const { id } = await upload()
  const campaign = await campaignOf(id)
  await remove(id)
  const started = await api.call('POST', `/campaigns/${campaign.body.id}/deliveries`, {})
  expect(started.body).toMatchObject({ status: 409, type: '/problems/segment-deleted' })
  const changed = await api.call('PUT', `/segments/${id}`, aSegment(`SELECT '' AS user_id`))
  expect(changed.body).toMatchObject({ status: 409, type: '/problems/segment-deleted' })
  expect((await campaignOf(id)).body).toMatchObject({
    status: 422,
    type: '/problems/unknown-reference',
  })
})

test('what the warehouse could not remove is removed when it is asked for again', async () => {
  const { id, isThere } = await upload()
  isAway = true
  const failed = await remove(id)
  isAway = false
  expect(failed.body).toMatchObject({ status: 503, type: '/problems/warehouse-away' })
  expect(await isThere()).toBe(true)
  expect((await remove(id)).status).toBe(200)
  expect(await isThere()).toBe(false)
})
