// The jobs of a delivery on BigQuery: whose they are, what they took, and who ends them.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type JobUsage } from '../../warehouse/bigquery/job.ts'
import { deliveryAt, inChunks } from '../../warehouse/conformance/under-test.ts'
import { HandedOver } from '../../warehouse/port.ts'
import { acceptedRequests, openSimulatedBigQuery } from './simulated-bigquery.ts'

let simulated: Awaited<ReturnType<typeof openSimulatedBigQuery>>
const told = new Map<string, JobUsage & { deliveryId: string }>()
beforeEach(async () => {
  told.clear()
  simulated = await openSimulatedBigQuery({
    async onUsage(deliveryId, usage) {
      told.set(usage.jobId, { deliveryId, ...usage })
    },
  })
})
afterEach(() => simulated[Symbol.asyncDispose]())

const deliveryId = 'd1'
const request = {
  deliveryId,
  attempt: '1',
  sql: 'SELECT user_id, city FROM friends',
  variables: ['city'],
  deliveryAt,
  campaignId: 'Spring 2026',
}
const facts = { deliveryId, campaignId: request.campaignId, channelId: '1', attempt: '1' }
const work = { campaignId: request.campaignId }
const part = { deliveryId, lane: 'multicast', page: '0', round: 0 } as const
/** A delivery from its freeze to its log, all of whose jobs are told of by the same warehouse. */
async function deliver(warehouse = simulated.warehouse) {
  await warehouse.freeze(request)
  await warehouse.writePart(part, inChunks(acceptedRequests(6)), work)
  await warehouse.writeUnsent(
    { ...part, page: 'never-reached' },
    '1',
    [{ fromRequest: 6, toRequest: 7 }],
    { at: deliveryAt, reason: 'Cancelled.' },
    work,
  )
  expect((await warehouse.reconcile(deliveryId, '1', work)).isExact).toBe(true)
  expect(await warehouse.materialiseLog(facts, work)).toEqual({ rows: 1200 })
  for await (const _ of warehouse.recipients(deliveryId, 'accepted', work));
  await warehouse.malformedIds(deliveryId, '1', 10, work)
  await warehouse.dropOtherParts(deliveryId, [part], work)
}

/** Jobs that belong to no delivery. */
const ofNobody = ['test', 'view', 'look']

test('each say app, step, delivery and campaign', async () => {
  await deliver(simulated.another({ readBy: 'query' }))
  await simulated
    .another({ readBy: 'query' })
    .readRequests(
      { deliveryId, attempt: '1', lane: 'multicast', fromRequest: 0, toRequest: 1 },
      work,
    )
  const jobs = await simulated.jobs()
  const steps = new Set(jobs.map(({ configuration }) => configuration.labels?.['step'] ?? ''))
  expect(steps.size).toBeGreaterThan(15)
  for (const { configuration } of jobs) {
    if (ofNobody.includes(configuration.labels?.['step'] ?? '')) continue
    expect(configuration.labels).toEqual({
      app: 'lfm',
      step: expect.any(String) as string,
      delivery: 'd1',
      campaign: 'spring_2026',
    })
  }
})

test('are each told of with what they took, those of a killed process too', async () => {
  const mute = simulated.another({ onUsage: () => Promise.resolve() })
  await mute.freeze(request)
  expect(told.size).toBe(0)
  await deliver()
  const jobs = await simulated.jobs()
  expect([...told.keys()].sort()).toEqual(jobs.map(({ jobId }) => jobId).sort())
  const segment = [...told.values()].find(({ step }) => step === 'segment')
  expect(segment).toMatchObject({ deliveryId, bytesBilled: 10 * 1024 * 1024 })
  expect(segment?.bytesProcessed).toBeGreaterThan(1200 * 35)
  expect(segment?.slotMs).toBeGreaterThan(0)
})

const cancelled = new Error('The delivery was cancelled.')
const handedOver = new HandedOver(new Error('The worker ends.'))

test.each([
  ['reconcile', 'are cancelled with the delivery', cancelled, 1],
  ['reconcile', 'are left to the next try where the process ends', handedOver, 0],
  ['log', 'are cancelled with the delivery', cancelled, 1],
  ['log', 'are left to the next try where the process ends', handedOver, 0],
] as const)('of %s %s', async (step, _, reason, cancels) => {
  const { warehouse } = simulated
  await warehouse.freeze(request)
  await warehouse.writePart(part, inChunks(acceptedRequests(7)), work)
  await simulated.fault({
    on: 'jobs.insert',
    do: 'job-stays',
    runningPolls: 1_000_000,
    when: { jobIdPrefix: `lfm_${simulated.dataset}_d1_${step}` },
  })
  const abort = new AbortController()
  const { signal } = abort
  const running =
    step === 'log'
      ? warehouse.materialiseLog(facts, { signal })
      : warehouse.reconcile(deliveryId, '1', { signal })
  while ((await simulated.jobs(step)).length === 0) await new Promise(setImmediate)
  abort.abort(reason)
  await expect(running).rejects.toBe(reason)
  expect(await simulated.control('GET', 'calls?route=jobs.cancel')).toHaveLength(cancels)
})

test('of a log that was removed are refused until a person decides', async () => {
  await simulated.warehouse.freeze(request)
  await simulated.warehouse.writePart(part, inChunks(acceptedRequests(7)), work)
  await simulated.dropTable('delivery_log')
  await expect(simulated.warehouse.materialiseLog(facts, work)).rejects.toMatchObject({
    name: 'PersonNeeded',
    reason: 'log-gone',
    message: expect.stringMatching(/delivery_log .* was removed.*bring it back/) as string,
  })
  // Started again, as the sentence says, it begins with an empty one.
  expect(await simulated.another().materialiseLog(facts, work)).toEqual({ rows: 1200 })
})

test.each(['reconcile', 'materialiseLog', 'writeUnsent'] as const)(
  '%s without its plan asks for a person',
  async (step) => {
    await simulated.warehouse.freeze(request)
    for (const lane of ['multicast', 'push']) await simulated.dropTable(`lfm_${lane}_d1__1`)
    const { warehouse } = simulated
    const steps = {
      reconcile: () => warehouse.reconcile(deliveryId, '1', work),
      materialiseLog: () => warehouse.materialiseLog(facts, work),
      writeUnsent: () =>
        warehouse.writeUnsent(part, '1', [{ fromRequest: 0, toRequest: 1 }], {
          at: deliveryAt,
          reason: 'Cancelled.',
        }),
    }
    await expect(steps[step]()).rejects.toMatchObject({ name: 'PersonNeeded', reason: 'plan-gone' })
  },
)
