// Serves the task queues of every channel, new ones without a restart, and keeps the queues' rates in step.
import { setTimeout as sleep } from 'node:timers/promises'
import { type NativeConnection, Worker } from '@temporalio/worker'
import { type Logger } from 'pino'
import { type QueueRates } from '../activities/ports.ts'
import { type SendActivities } from '../activities/send-batch.ts'
import { type Lane, lanes } from '../domain/lane.ts'
import { type Channel, type Channels } from '../store/channels.ts'
import { laneQueue } from '../workflows/queues.ts'

/** Batches that one worker process works on at once, for each channel and lane. */
const batchesAtOnce: Readonly<Record<Lane, number>> = { multicast: 12, push: 8 }
/** Polls kept open for each queue; the queue's rate is some ten batches a second. */
const polls = 3
/** How soon a new channel, or a changed rate, is noticed. */
const lookEveryMs = 2_000
/** How soon a rate that Temporal shows is put right where it is not the store's, whoever has set it. */
const compareEveryMs = 15_000

export interface LaneWorkers {
  /** Resolves when all queues known now are served, but for those of channels that fail: they are tried again. */
  ready: Promise<void>
  /** Stops taking batches; resolves when those under way are done. */
  shutdown(): Promise<void>
}

/** @param options.onFatal told when a worker ends by itself: the process can't do its work any more. */
export function startLaneWorkers(options: {
  connection: NativeConnection
  namespace: string
  activities: SendActivities
  channels: Pick<Channels, 'list'>
  queueRates: QueueRates
  log: Logger
  graceMs: number
  onFatal: (error: Error) => void
}): LaneWorkers {
  const { log } = options
  const stopping = new AbortController()
  const workers = new Map<string, { worker: Worker; running: Promise<void> }>()
  /** By channel: the rates that Temporal last showed, and when, on a clock that only goes forward. */
  const rates = new Map<string, { shown: string; at: number }>()

  async function serve(channel: Channel, lane: Lane): Promise<void> {
    const taskQueue = laneQueue(channel.lineChannelId, lane)
    if (workers.has(taskQueue)) return
    const worker = await Worker.create({
      connection: options.connection,
      namespace: options.namespace,
      taskQueue,
      activities: options.activities,
      maxConcurrentActivityTaskExecutions: batchesAtOnce[lane],
      maxConcurrentActivityTaskPolls: polls,
      shutdownGraceTime: options.graceMs,
      shutdownForceTime: options.graceMs + 5_000,
    })
    const running = worker.run().catch((error: unknown) => {
      options.onFatal(error instanceof Error ? error : new Error(String(error)))
    })
    workers.set(taskQueue, { worker, running })
  }

  async function keepRate(channel: Channel): Promise<void> {
    const wanted = JSON.stringify(channel.callsPerSecond)
    const last = rates.get(channel.lineChannelId)
    // An order of an API may reach Temporal after a later one, which nobody here has seen.
    const isFresh = last !== undefined && performance.now() - last.at < compareEveryMs
    if (isFresh && last.shown === wanted) return
    await options.queueRates.set(channel.lineChannelId, channel.callsPerSecond)
    rates.set(channel.lineChannelId, { shown: wanted, at: performance.now() })
    if (last?.shown !== wanted)
      log.info({ channelId: channel.id, ...channel.callsPerSecond }, 'queue rates set')
  }

  /** Does it for every channel: one that fails must not keep it from the others. */
  async function forEach(channels: Channel[], work: (channel: Channel) => Promise<void>) {
    for (const channel of channels) {
      if (stopping.signal.aborted) return
      await work(channel).catch((error: unknown) => {
        log.warn({ err: error, channelId: channel.id }, 'a channel could not be served')
      })
    }
  }

  async function look(): Promise<void> {
    const channels = await options.channels.list()
    await forEach(channels, async (channel) => {
      for (const lane of lanes) await serve(channel, lane)
    })
    // After all are served: a rate that Temporal is slow to show takes seconds.
    await forEach(channels, keepRate)
  }

  async function keepLooking(): Promise<void> {
    while (!stopping.signal.aborted) {
      // The clock must not stop the loop when the store or Temporal is away for a while.
      await look().catch((error: unknown) => log.warn({ err: error }, 'channels could not be read'))
      await sleep(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const ready = look()
  const looking = ready.catch(() => undefined).then(keepLooking)
  return {
    ready,
    async shutdown() {
      stopping.abort()
      await looking
      for (const { worker } of workers.values())
        if (worker.getState() === 'RUNNING') worker.shutdown()
      await Promise.all([...workers.values()].map(({ running }) => running))
    },
  }
}
