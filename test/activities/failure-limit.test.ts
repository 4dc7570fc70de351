// A segment of which many rows break the template, against a real ledger: counted, paused with the reasons, exact.
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createSendActivities,
  type SendBatchInput,
  type SendBatchResult,
} from '../../activities/send-batch.ts'
import { requestsPerBatch } from '../../domain/lane.ts'
import { retryKey } from '../../line/retry-key.ts'
import { type PlannedRequest } from '../../warehouse/port.ts'
import { openStore, type OpenStore } from '../store/open-store.ts'
import { createMemoryLine } from './memory-ports.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const recipients = 100_000
const batches = recipients / requestsPerBatch.push
const userId = (n: number) => `U${n.toString(16).padStart(32, '0')}`

/** A delivery by push of whose rows nine in ten break the template. */
async function brokenDelivery() {
  const { store } = opened
  const { id: deliveryId, channel } = await opened.delivery()
  await store.plans.commit(deliveryId, {
    attempt: 'a1',
    digest: 'd',
    lanes: {
      multicast: { requests: 0, recipients: 0, batchRecipients: [] },
      push: {
        requests: recipients,
        recipients,
        batchRecipients: Array.from({ length: batches }, () => requestsPerBatch.push),
      },
    },
    audience: {
      segmentRows: recipients,
      malformed: 0,
      duplicates: 0,
      excluded: 0,
      planned: recipients,
    },
  })
  const line = createMemoryLine(() => 'ok')
  const activities = createSendActivities({
    store,
    warehouse: {
      readRequests: async ({ fromRequest, toRequest }: Record<string, number>) =>
        Array.from({ length: (toRequest ?? 0) - (fromRequest ?? 0) }, (_, i): PlannedRequest => ({
          requestNo: (fromRequest ?? 0) + i,
          variables: `{"n":${(fromRequest ?? 0) + i}}`,
          userIds: [userId((fromRequest ?? 0) + i)],
        })),
    } as never,
    line: line as never,
    compileTemplate: () => ({
      render(variables) {
        const { n } = JSON.parse(variables) as { n: number }
        if (n % 10 === 0) return { ok: true, messagesJson: '[{"type":"text","text":"hello"}]' }
        return { ok: false, reason: n % 10 === 1 ? 'a rare reason' : `too long for ${userId(7)}` }
      },
    }),
    now: () => Date.now(),
    draining: new AbortController().signal,
    mergeEveryMs: 2_000,
    retryKey,
  })
  const run = (batchNo: number): Promise<SendBatchResult> =>
    new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') }).run(
      (input: SendBatchInput) => activities.sendBatch(input),
      {
        deliveryId,
        lineChannelId: channel.lineChannelId,
        lane: 'push' as const,
        batchNo,
        round: 0,
      },
    )
  return { deliveryId, line, run }
}

test('100,000 rows of which 90,000 are broken pause at the limit, and again only at twice as many', async () => {
  const { store } = opened
  const { deliveryId, line, run } = await brokenDelivery()
  const pausedAt: number[] = []
  const whys: string[] = []
  for (let batchNo = 0; batchNo < batches; batchNo++) {
    const result = await run(batchNo)
    if (result.kind === 'held') {
      const progress = await store.ledger.progress(deliveryId)
      pausedAt.push(progress.skipped)
      whys.push((await store.deliveries.find(deliveryId))?.gate.why ?? '')
      await store.deliveries.moveGate(deliveryId, 'open', { by: 'a test', why: 'accepted' })
      expect(await run(batchNo)).toMatchObject({ kind: 'finished' })
    } else expect(result).toMatchObject({ kind: 'finished', unresolvedRequests: 0 })
  }
  expect(await store.ledger.progress(deliveryId)).toMatchObject({
    accepted: 10_000,
    skipped: 90_000,
  })
  expect([...line.received.values()].every((times) => times === 1)).toBe(true)
  expect(line.received.size).toBe(10_000)
  expect(pausedAt).toHaveLength(4)
  expect(pausedAt[0]).toBeGreaterThan(10_000)
  expect(pausedAt[0]).toBeLessThan(12_000)
  expect(whys[0]).toMatch(
    /^10,\d{3} of 100,000 recipients \(10\.\d %\) can't be reached; the campaign pauses above 10 %\. Most often: [\d,]+ skipped: too long for …; [\d,]+ skipped: a rare reason\. Resume/,
  )
  expect(await store.failures.find(deliveryId)).toMatchObject({ failed: 90_000 })
  // A batch's row stays as small as one of which everybody was accepted: its size is bounded by 500 records.
  const [size] = await opened.query(
    `select max(length(records::text))::integer as text, max(pg_column_size(records))::integer as stored from batch where delivery_id = $1`,
    [deliveryId],
  )
  expect(size?.['text']).toBeLessThan(150_000)
})

test('nobody is asked where nobody is left, or where the limit was set aside', async () => {
  const { store } = opened
  const { deliveryId, run } = await brokenDelivery()
  await opened.query('update delivery set pause_at_failed_share = 1 where id = $1', [deliveryId])
  for (let batchNo = 0; batchNo < 40; batchNo++)
    expect(await run(batchNo)).toMatchObject({ kind: 'finished' })
  expect((await store.deliveries.find(deliveryId))?.gate.position).toBe('open')
})
