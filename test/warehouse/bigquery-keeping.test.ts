// What a delivery needs of BigQuery outlives any pause, as long as it is kept from time to time, by whomever.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deliveryAt, inChunks } from '../../warehouse/conformance/under-test.ts'
import { type Warehouse } from '../../warehouse/port.ts'
import { acceptedRequests, openSimulatedBigQuery } from './simulated-bigquery.ts'

const dayMs = 24 * 60 * 60 * 1000

let simulated: Awaited<ReturnType<typeof openSimulatedBigQuery>>
/** Days by which the clocks of BigQuery and of every process are ahead of this machine's. */
let daysAhead: number
const now = () => Date.now() + daysAhead * dayMs
beforeEach(async () => {
  daysAhead = 0
  simulated = await openSimulatedBigQuery({ now })
})
afterEach(() => simulated[Symbol.asyncDispose]())

async function pass(days: number): Promise<void> {
  daysAhead += days
  await simulated.control('POST', 'clock', { advanceMs: days * dayMs })
}
/** A delivery to 1,200 with a plan and the outcomes of its first request. */
async function begun(deliveryId: string): Promise<void> {
  const sql = 'SELECT user_id, city FROM friends'
  const request = { deliveryId, attempt: '1', sql, variables: ['city'], deliveryAt }
  await simulated.warehouse.freeze(request)
  const part = { deliveryId, lane: 'multicast' as const, page: '0', round: 0 }
  await simulated.warehouse.writePart(part, inChunks(acceptedRequests(1)))
  // Waits for the load, which would make its table once more if it ended when that has expired.
  await simulated.warehouse.reconcile(deliveryId, '1')
}

const readAll = (from: Warehouse, deliveryId: string) =>
  from.readRequests({ deliveryId, attempt: '1', lane: 'multicast', fromRequest: 0, toRequest: 7 })
const keptTables = async () =>
  ((await simulated.control('GET', 'calls?route=tables.patch')) as { table: string }[])
    .map(({ table }) => table)
    .sort()

test('plan and outcomes of a delivery that nobody uses for a quarter are there when they are kept', async () => {
  await begun('paused')
  await begun('forgotten')
  for (let day = 0; day < 90; day += 15) {
    await pass(15)
    // Each time by a worker that is new.
    await simulated.another().keepDelivery('paused', '1')
  }
  const resumed = simulated.another()
  expect(await readAll(resumed, 'paused')).toHaveLength(7)
  const found = await resumed.reconcile('paused', '1')
  expect(found.account).toMatchObject({ planned: 1200, accepted: 172 })
  await expect(readAll(resumed, 'forgotten')).rejects.toMatchObject({ reason: 'plan-gone' })
})

test('it is kept once a day, however many workers see to it', async () => {
  await begun('d1')
  const workers = [simulated.another(), simulated.another()]
  const keep = async () => {
    for (const worker of workers) await worker.keepDelivery('d1', '1')
  }
  const all = ['lfm_multicast_d1__1', 'lfm_outcomes_d1', 'lfm_push_d1__1', 'lfm_segment_d1__1']
  // The freeze itself has given an end to the segment's rows.
  const byFreeze = await keptTables()
  await keep()
  expect(await keptTables()).toEqual(byFreeze)
  await pass(1)
  await keep()
  await keep()
  expect(await keptTables()).toEqual([...byFreeze, ...all].sort())
  await pass(1)
  await keep()
  expect(await keptTables()).toEqual([...byFreeze, ...all, ...all].sort())
})

test('a table that is refused is kept when it is tried again', async () => {
  await begun('d1')
  await pass(29)
  await simulated.fault({ on: 'tables.patch', do: 'error', reason: 'accessDenied' })
  const worker = simulated.another()
  await expect(worker.keepDelivery('d1', '1')).rejects.toMatchObject({ reason: 'accessDenied' })
  await simulated.control('DELETE', 'faults')
  await worker.keepDelivery('d1', '1')
  await pass(29)
  expect(await readAll(simulated.another(), 'd1')).toHaveLength(7)
})

test('what is gone stays gone, and who needs it is told', async () => {
  await begun('d1')
  await pass(31)
  const worker = simulated.another()
  await worker.keepDelivery('d1', '1')
  expect(await worker.heldDeliveries()).toEqual([])
  await expect(readAll(worker, 'd1')).rejects.toMatchObject({
    name: 'PersonNeeded',
    reason: 'plan-gone',
  })
})

test('a keeping that is broken off ends at once', async () => {
  await begun('d1')
  await simulated.fault({ on: 'tables.get', do: 'error', status: 503 })
  const stopping = new AbortController()
  const keeping = simulated
    .another({ patienceMs: 600_000 })
    .keepDelivery('d1', '1', stopping.signal)
  stopping.abort(new Error('The worker ends.'))
  await expect(keeping).rejects.toThrow('The worker ends.')
})
