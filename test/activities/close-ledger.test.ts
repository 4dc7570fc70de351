// Closing a ledger while attempts wake up late: everybody has an outcome in the end.
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCloseActivities } from '../../activities/close-account.ts'
import { CancelledBefore } from '../../domain/ledger.ts'
import { retryKey } from '../../line/retry-key.ts'
import { beginAttempt, openStore, type OpenStore } from '../store/open-store.ts'
import { createMemoryLine, planOf } from './memory-ports.ts'
import { oneBatch } from './one-batch.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const recipients = 1_000
const requests = 4

/** A delivery of one batch that was attempted, with a permit for all requests below a number, and the closing of its ledger while `meanwhile` happens once. */
async function attempted(belowRequest = requests) {
  const { store } = opened
  const { id: deliveryId, channel } = await opened.delivery()
  await store.plans.commit(deliveryId, {
    attempt: 'p',
    digest: 'd',
    lanes: {
      multicast: { requests, recipients, batchRecipients: [recipients] },
      push: { requests: 0, recipients: 0, batchRecipients: [] },
    },
    audience: {
      segmentRows: recipients,
      malformed: 0,
      duplicates: 0,
      excluded: 0,
      planned: recipients,
    },
  })
  const { batch } = await beginAttempt(store, deliveryId)
  const { lineChannelId } = channel
  const times = { deadlineMs: 1, longestWaitMs: 500, lifetimeMs: 1 }
  await store.ledger.takePermit({ ...batch, lineChannelId }, { calls: 1, belowRequest }, times)
  async function close(meanwhile: () => Promise<unknown>) {
    let isFirst = true
    const parts: string[] = []
    const activities = createCloseActivities({
      store,
      warehouse: {
        async readRequests() {
          if (isFirst) await meanwhile()
          isFirst = false
          return planOf(Array.from({ length: requests }, () => recipients / requests))
        },
        writePart: async ({ page }: { page: string }) => void parts.push(page),
        writeUnsent: async ({ page }: { page: string }) => void parts.push(page),
      } as never,
      now: () => Date.now(),
      retryKey,
    })
    const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') })
    const input = { deliveryId, round: 2, why: 'Cancelled: enough' }
    await env.run((order: typeof input) => activities.closeLedger(order), input)
    return { parts, unresolved: await store.ledger.unresolved(deliveryId, 'multicast') }
  }
  return { deliveryId, close }
}

test('an attempt that began while the ledger is closed leaves nobody without an outcome', async () => {
  const { deliveryId, close } = await attempted()
  const { unresolved, parts } = await close(() => beginAttempt(opened.store, deliveryId))
  expect({ unresolved, parts }).toEqual({ unresolved: [], parts: ['rest', 'rest'] })
  expect(await opened.store.ledger.progress(deliveryId)).toMatchObject({ unknown: recipients })
})

test('what no permit was for is unsent, the rest of an attempt without a record is unknown', async () => {
  const { deliveryId, close } = await attempted(3)
  expect((await close(async () => undefined)).unresolved).toEqual([])
  expect(await opened.store.ledger.progress(deliveryId)).toMatchObject({
    unknown: (3 * recipients) / requests,
    unsent: recipients / requests,
  })
})

test('once the delivery is cancelled no attempt begins while its ledger is closed', async () => {
  const { deliveryId, close } = await attempted()
  await opened.store.deliveries.moveGate(deliveryId, 'cancelled', { by: 'Mia', why: 'enough' })
  const { unresolved } = await close(() =>
    expect(beginAttempt(opened.store, deliveryId)).rejects.toThrow(CancelledBefore),
  )
  expect(unresolved).toEqual([])
})

test('an attempt of a cancelled delivery says that it is held, and calls nobody', async () => {
  const batch = oneBatch({ sizes: [2], line: createMemoryLine(() => 'ok') })
  batch.ledger.gate = { position: 'cancelled', seq: 4 }
  expect(await batch.run()).toEqual({ kind: 'held', gate: { position: 'cancelled', seq: 4 } })
  expect({ calls: batch.line.calls, attempts: batch.ledger.attempts }).toEqual({
    calls: [],
    attempts: 0,
  })
})
