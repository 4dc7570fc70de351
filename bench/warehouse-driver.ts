// A process that holds a warehouse's driver and nothing else, so that the driver's memory can be read from outside.
// It freezes, reads every batch, writes an outcome for everybody, compares and logs, as a worker would.
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { readSettings } from '../config/env.ts'
import { type Lane, lanes, requestsOf } from '../domain/lane.ts'
import { type FrozenPlan, pagesOf } from '../domain/plan.ts'
import { openWarehouse } from '../warehouse/open.ts'
import { type OutcomeRow, type Warehouse } from '../warehouse/port.ts'

// As worker/main.ts has them.
setFlagsFromString('--optimize-for-size')
setFlagsFromString('--min-semi-space-size=16')
setFlagsFromString('--max-semi-space-size=16')

/** What the driver has done, told when it is done; it goes on when it is answered. */
export type DriverStep =
  | { step: 'frozen' | 'written'; seconds: number }
  | { step: 'read'; seconds: number; recipients: number }
  | { step: 'reconciled'; seconds: number; isExact: boolean }
  | { step: 'logged'; seconds: number; rows: number }

/** Batches that a page sends at once, more or less. */
const batchesAtOnce = 4
/** Pages of a delivery that are open at once. */
const pagesAtOnce = 3
const delivery = { deliveryId: '0199aaaa-0000-7000-8000-00000000be4c', attempt: '1' }
const at = '2026-11-22T10:00:00.000Z'

/** Does the work of all items, so many at a time. */
async function inTurns<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>) {
  const left = items.values()
  const turn = async () => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, turn))
}

/** Recipients of each request, which a worker would have from its ledger. */
type Sizes = Record<Lane, Uint16Array>

async function readAll(warehouse: Warehouse, { lanes: plan }: FrozenPlan): Promise<Sizes> {
  const sizes: Sizes = {
    multicast: new Uint16Array(plan.multicast.requests),
    push: new Uint16Array(plan.push.requests),
  }
  const batches = lanes.flatMap((lane) =>
    plan[lane].batchRecipients.map((_, batchNo) => ({ lane, batchNo })),
  )
  await inTurns(batches, batchesAtOnce, async ({ lane, batchNo }) => {
    const range = requestsOf(lane, batchNo, plan[lane].requests)
    const requests = await warehouse.readRequests({ ...delivery, lane, ...range })
    for (const { requestNo, userIds } of requests) sizes[lane][requestNo] = userIds.length
  })
  return sizes
}

/** As a page without a failure writes them: one for each request. */
function outcomesOf(lane: Lane, sizes: Uint16Array, fromRequest: number): OutcomeRow[] {
  return Array.from(sizes, (size, index) => ({
    lane,
    requestNo: fromRequest + index,
    fromOrdinal: 0,
    toOrdinal: size,
    outcome: 'accepted',
    lineRequestId: crypto.randomUUID(),
    retryKey: crypto.randomUUID(),
    at,
    reason: null,
  }))
}

async function writeAll(warehouse: Warehouse, plan: FrozenPlan, sizes: Sizes): Promise<void> {
  const pages = lanes.flatMap((lane) =>
    pagesOf(plan.lanes[lane].batchRecipients).map((page, pageNo) => ({ lane, page, pageNo })),
  )
  await inTurns(pages, pagesAtOnce, async ({ lane, page, pageNo }) => {
    async function* chunks() {
      for (let batchNo = page.fromBatch; batchNo < page.toBatch; batchNo += 1) {
        const { fromRequest, toRequest } = requestsOf(lane, batchNo, plan.lanes[lane].requests)
        // As from the ledger, which is asked in between.
        await setImmediate()
        yield outcomesOf(lane, sizes[lane].subarray(fromRequest, toRequest), fromRequest)
      }
    }
    const part = { deliveryId: delivery.deliveryId, lane, page: String(pageNo), round: 0 }
    await warehouse.writePart(part, chunks())
  })
}

const { values } = parseArgs({ options: { personalised: { type: 'boolean', default: false } } })
const segment = values.personalised
  ? { sql: 'SELECT user_id, name, points FROM friends', variables: ['name', 'points'] }
  : { sql: 'SELECT user_id FROM friends', variables: [] }

async function tell(step: DriverStep): Promise<void> {
  const answered = once(process, 'message')
  process.send?.(step)
  await answered
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const startedAt = performance.now()
  const result = await work()
  return { seconds: (performance.now() - startedAt) / 1000, result }
}

const { warehouse: settings, dataDir, keepDays } = readSettings()
const warehouse = await openWarehouse(settings, { dataDir, keepDays })
const frozen = await timed(() => warehouse.freeze({ ...delivery, ...segment, deliveryAt: at }))
await tell({ step: 'frozen', seconds: frozen.seconds })
const read = await timed(() => readAll(warehouse, frozen.result))
const recipients = lanes.reduce(
  (sum, lane) => read.result[lane].reduce((total, size) => total + size, sum),
  0,
)
await tell({ step: 'read', seconds: read.seconds, recipients })
const written = await timed(() => writeAll(warehouse, frozen.result, read.result))
await tell({ step: 'written', seconds: written.seconds })
const compared = await timed(() => warehouse.reconcile(delivery.deliveryId, delivery.attempt))
const { isExact } = compared.result
await tell({ step: 'reconciled', seconds: compared.seconds, isExact })
const facts = { ...delivery, campaignId: 'bench', channelId: 'bench' }
const logged = await timed(() => warehouse.materialiseLog(facts))
await tell({ step: 'logged', seconds: logged.seconds, rows: logged.result.rows })
await warehouse.close()
process.disconnect()
