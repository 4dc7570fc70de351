// The queues of the lanes keep the store's rates, whoever sets others and whatever fails.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type QueueRates } from '../../activities/ports.ts'
import { type Channel } from '../../store/channels.ts'
import { startLaneWorkers } from '../../worker/lane-workers.ts'
import { createQueueRates } from '../../worker/queue-rates.ts'
import { laneQueue } from '../../workflows/queues.ts'
import { startTemporal } from '../workflows/temporal-server.ts'

let env: TestWorkflowEnvironment
beforeAll(async () => {
  env = await startTemporal(inject('temporalCli'))
})
afterAll(() => env.teardown())

const activityQueue = 2

const aChannel = (lineChannelId: string): Channel => ({
  id: `channel ${lineChannelId}`,
  lineChannelId,
  name: 'Test',
  callsPerSecond: { multicast: 200, push: 2_000 },
  createdAt: new Date(0),
  updatedAt: new Date(0),
})

function startWorkers(channels: Channel[], queueRates: QueueRates) {
  const workers = startLaneWorkers({
    connection: env.nativeConnection,
    namespace: env.client.options.namespace,
    activities: { sendBatch: async () => ({ kind: 'again' }) },
    channels: { list: async () => channels },
    queueRates,
    log: pino({ level: 'silent' }),
    graceMs: 1_000,
    onFatal: () => undefined,
  })
  return { ready: workers.ready, [Symbol.asyncDispose]: () => workers.shutdown() }
}

async function shownLimit(lineChannelId: string) {
  const { config } = await env.client.connection.workflowService.describeTaskQueue({
    namespace: env.client.options.namespace,
    taskQueue: { name: laneQueue(lineChannelId, 'multicast') },
    taskQueueType: activityQueue,
    reportConfig: true,
  })
  const { rateLimit, metadata } = config?.queueRateLimit ?? {}
  return {
    rate: rateLimit?.requestsPerSecond ?? 0,
    by: metadata?.updateIdentity,
    setAt: metadata?.updateTime,
  }
}

/** The limit that LFM has set, which a worker tries again where Temporal is slow to show it. */
const untilSet = (lineChannelId: string) =>
  vi.waitFor(
    async () => {
      const shown = await shownLimit(lineChannelId)
      expect(shown.by).toBe('lfm')
      expect(shown.rate).toBeGreaterThan(0)
      return shown
    },
    { timeout: 60_000, interval: 100 },
  )

test('a rate that reaches Temporal after a later one is put right', async () => {
  const channel = aChannel('1650000777')
  await using workers = startWorkers([channel], createQueueRates(env.client))
  await workers.ready
  const before = await untilSet(channel.lineChannelId)
  await env.client.connection.workflowService.updateTaskQueueConfig({
    namespace: env.client.options.namespace,
    identity: 'an API that was slow',
    taskQueue: laneQueue(channel.lineChannelId, 'multicast'),
    taskQueueType: activityQueue,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond: 0 }, reason: 'late' },
  })
  // The rate of 0 may be gone before anybody looks, so that what is looked for is the one that was set after it.
  await vi.waitFor(
    async () => {
      const { setAt, ...shown } = await shownLimit(channel.lineChannelId)
      expect(setAt).not.toEqual(before.setAt)
      expect(shown).toEqual({ rate: before.rate, by: before.by })
    },
    { timeout: 90_000, interval: 200 },
  )
})

test('a channel whose rates can not be set keeps no other channel from its own', async () => {
  const [failing, other] = [aChannel('1650000778'), aChannel('1650000779')]
  const rates = createQueueRates(env.client)
  await using workers = startWorkers([failing, other], {
    async set(lineChannelId, callsPerSecond) {
      if (lineChannelId === failing.lineChannelId) throw new Error('Temporal does not show it.')
      await rates.set(lineChannelId, callsPerSecond)
    },
  })
  await workers.ready
  await untilSet(other.lineChannelId)
})
