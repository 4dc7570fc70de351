// A freeze on BigQuery that is begun again, by whomever and whenever, goes on from what was done.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deliveryAt } from '../../warehouse/conformance/under-test.ts'
import { HandedOver, type Warehouse } from '../../warehouse/port.ts'
import { openSimulatedBigQuery } from './simulated-bigquery.ts'

let simulated: Awaited<ReturnType<typeof openSimulatedBigQuery>>
beforeEach(async () => {
  simulated = await openSimulatedBigQuery()
})
afterEach(() => simulated[Symbol.asyncDispose]())

const request = {
  deliveryId: 'd1',
  attempt: '1',
  sql: 'SELECT user_id, city FROM friends',
  variables: ['city'],
  deliveryAt,
}
const readAll = (from: Warehouse, attempt = '1') =>
  from.readRequests({ deliveryId: 'd1', attempt, lane: 'multicast', fromRequest: 0, toRequest: 7 })
const steps = async () => (await simulated.jobs()).map(({ jobId }) => jobId.replace(/^.*?_d1_/, ''))
const stay = (step: string, runningPolls: number) =>
  simulated.fault({
    on: 'jobs.insert',
    do: 'job-stays',
    runningPolls,
    when: { jobIdPrefix: `lfm_${simulated.dataset}_d1_1_${step}` },
  })
const untilJob = async (step: string) => {
  while ((await simulated.jobs(step)).length === 0) await new Promise(setImmediate)
}

test('killed between a job accepted and its end recorded, the segment runs once', async () => {
  await stay('segment', 18)
  const { options } = simulated
  const child = fork(new URL('freeze-in-child.ts', import.meta.url), [
    JSON.stringify({ options, request }),
  ])
  await untilJob('segment')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await simulated.jobs('people')).toEqual([])
  const plan = await simulated.another().freeze(request)
  expect(plan).toMatchObject({ attempt: '1', audience: { planned: 1200 } })
  expect(await simulated.jobs('segment')).toHaveLength(1)
})

test('by two tries at once is one plan, and each step of it one job', async () => {
  await stay('people', 12)
  const [one, other] = await Promise.all([
    simulated.another().freeze(request),
    simulated.another().freeze(request),
  ])
  expect(other).toEqual(one)
  const ids = await steps()
  expect(ids.filter((id) => !id.endsWith('_0'))).toEqual([])
  expect(new Set(ids).size).toBe(ids.length)
})

test('long after, over other data and with its working tables expired, it is the same plan', async () => {
  const { warehouse } = simulated
  const plan = await warehouse.freeze(request)
  const read = await readAll(warehouse)
  await simulated.control('POST', 'clock', { advanceMs: 4 * 24 * 60 * 60 * 1000 })
  await simulated.friends(3)
  expect(await simulated.another().freeze(request)).toEqual(plan)
  expect(await readAll(simulated.another())).toEqual(read)
  expect(await simulated.jobs('segment')).toHaveLength(1)
})

test('whose rows are gone runs again under another name, beside the plan that may be there', async () => {
  const { warehouse } = simulated
  await warehouse.freeze(request)
  const read = await readAll(warehouse)
  await simulated.friends(3)
  await simulated.dropTable('lfm_segment_d1__1')
  const again = await simulated.another().freeze(request)
  expect(again).toMatchObject({ attempt: '1-2', lanes: { multicast: { requests: 3 } } })
  expect(await simulated.another().freeze(request)).toEqual(again)
  expect(await readAll(simulated.another())).toEqual(read)
})

test('whose job has failed for a quota gets another one, however many have', async () => {
  const prefix = `lfm_${simulated.dataset}_d1_1_segment`
  await simulated.fault({
    on: 'jobs.insert',
    do: 'job-fails',
    reason: 'quotaExceeded',
    when: { jobIdPrefix: prefix },
  })
  for (let n = 0; n < 11; n++)
    await expect(simulated.another().freeze(request)).rejects.toMatchObject({
      reason: 'quotaExceeded',
    })
  await simulated.control('DELETE', 'faults')
  expect((await simulated.another().freeze(request)).audience.planned).toBe(1200)
  const made = (await simulated.jobs('segment')).map(({ jobId }) => jobId.slice(prefix.length + 1))
  expect(made).toEqual(Array.from({ length: 12 }, (_, no) => String(no)))
})

test('that is handed over leaves its job to the next try', async () => {
  await stay('segment', 14)
  const abort = new AbortController()
  const reason = new HandedOver(new Error('The worker ends.'))
  const freezing = simulated.another().freeze(request, abort.signal)
  await untilJob('segment')
  abort.abort(reason)
  await expect(freezing).rejects.toBe(reason)
  expect((await simulated.another().freeze(request)).audience.planned).toBe(1200)
  expect(await simulated.jobs('segment')).toHaveLength(1)
  expect(await simulated.control('GET', 'calls?route=jobs.cancel')).toEqual([])
})
