// How outcomes get into BigQuery when calls are lost, turns are waited for or tables vanish: each part is there once.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BigQueryWarehouseOptions } from '../../warehouse/bigquery/warehouse.ts'
import { deliveryAt, inChunks } from '../../warehouse/conformance/under-test.ts'
import { type Warehouse } from '../../warehouse/port.ts'
import { acceptedRequests, openSimulatedBigQuery } from './simulated-bigquery.ts'

let simulated: Awaited<ReturnType<typeof openSimulatedBigQuery>>
let warehouse: Warehouse
beforeEach(async () => {
  simulated = await openSimulatedBigQuery()
  warehouse = simulated.warehouse
  const sql = 'SELECT user_id, city FROM friends'
  await warehouse.freeze({
    deliveryId: 'd1',
    attempt: 'a1',
    sql,
    variables: ['city'],
    deliveryAt,
  })
})
afterEach(() => simulated[Symbol.asyncDispose]())

const fault = (rule: object) => simulated.fault(rule)
const another = (more?: Partial<BigQueryWarehouseOptions>) => simulated.another(more)
const jobIds = async (step: string) => (await simulated.jobs(step)).map(({ jobId }) => jobId)
const everybody = () => acceptedRequests(7)
const part = (page = '0') => ({ deliveryId: 'd1', lane: 'multicast', page, round: 0 }) as const
const isExact = async (by = warehouse) => (await by.reconcile('d1', 'a1')).isExact

describe('outcomes in BigQuery', () => {
  test('are there once when answers to uploads are lost', async () => {
    await fault({ on: 'jobs.upload', do: 'accept-then-drop-connection', when: { every: 2 } })
    await fault({ on: 'jobs.upload', do: 'drop-before-accept', when: { every: 3 } })
    for (const row of everybody())
      await warehouse.writePart(part(String(row.requestNo)), inChunks([row]))
    expect(await isExact()).toBe(true)
  })

  test('of parts that wait together go in fewer jobs', async () => {
    await Promise.all(
      everybody().map((row) => warehouse.writePart(part(String(row.requestNo)), inChunks([row]))),
    )
    expect(await isExact()).toBe(true)
    expect((await jobIds('load')).length).toBeLessThan(4)
  })

  test('take turns with all that change the table', async () => {
    const asked: string[] = []
    const nextChange = (table: string) => Promise.resolve(asked.push(table) && 0)
    await another({ nextChange }).writePart(part(), inChunks(everybody()))
    expect(asked).toEqual(['lfm_outcomes_d1'])
    expect(await isExact()).toBe(true)
  })

  test('that get no turn are told so, and can be written again', async () => {
    let isAway = true
    const nextChange = () =>
      isAway ? Promise.reject(new Error('PostgreSQL is away.')) : Promise.resolve(0)
    const by = another({ nextChange })
    const write = () => by.writePart(part(), inChunks(everybody()))
    await expect(write()).rejects.toThrow('PostgreSQL is away.')
    isAway = false
    await write()
    expect(await isExact()).toBe(true)
  })

  test('that all left while they waited for their turn make no job', async () => {
    const turn = Promise.withResolvers<number>()
    const gone = new AbortController()
    const by = another({ nextChange: () => turn.promise })
    const left = by.writePart(part(), inChunks(everybody()), { signal: gone.signal })
    gone.abort(new Error('No longer of use.'))
    await expect(left).rejects.toThrow('No longer of use.')
    turn.resolve(0)
    await by.writePart(part(), inChunks(everybody()))
    expect(await jobIds('load')).toHaveLength(1)
  })

  test('of another process are waited for', async () => {
    await fault({ on: 'jobs.upload', do: 'job-stays', runningPolls: 20 })
    await another().writePart(part(), inChunks(everybody()))
    expect(await isExact()).toBe(true)
  })

  test('whose table was removed are found missing, and can be loaded again', async () => {
    await warehouse.writePart(part(), inChunks(everybody()))
    expect(await isExact()).toBe(true)
    await simulated.dropTable('lfm_outcomes_d1')
    expect(await isExact()).toBe(false)
    await warehouse.writePart(part(), inChunks(everybody()))
    expect(await isExact()).toBe(true)
  })

  test('become the log once, though the answer to the job is lost', async () => {
    await warehouse.writePart(part(), inChunks(everybody()))
    await fault({ on: 'jobs.insert', do: 'accept-then-drop-connection', when: { every: 2 } })
    const facts = { deliveryId: 'd1', campaignId: 'c', channelId: '1', attempt: 'a1' }
    expect(await warehouse.materialiseLog(facts)).toEqual({ rows: 1200 })
    expect(await another().materialiseLog(facts)).toEqual({ rows: 1200 })
    expect(await jobIds('log')).toHaveLength(1)
  })
})
