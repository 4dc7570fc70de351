// What activities need from other rooms: types only, so that tests can put memory in their place.
import { type Store } from '../store/store.ts'
import { type LinePort } from '../line/port.ts'
import { type Warehouse } from '../warehouse/port.ts'

/** Renders a content for one set of variables; pure, so that a repeated render gives the same bytes. */
export interface MessageTemplate {
  render(variablesJson: string): { ok: true; messagesJson: string } | { ok: false; reason: string }
}

/** Compiles a content version. */
export type CompileTemplate = (content: {
  messages: unknown[]
  now: string
  timeZone: string
  locale: string
}) => MessageTemplate

/** Makes the retry key of a piece. */
export type MakeRetryKey = (name: {
  deliveryId: string
  lane: 'multicast' | 'push'
  requestNo: number
  fromOrdinal?: number
  toOrdinal?: number
  generation?: number
}) => string

/** Server-side rates of the lanes' task queues (Temporal's UpdateTaskQueueConfig). */
export interface QueueRates {
  /** Resolves when the server shows the rate. */
  set(lineChannelId: string, callsPerSecond: { multicast: number; push: number }): Promise<void>
}

export interface ActivityDeps {
  store: Pick<Store, 'channels' | 'contents' | 'deliveries' | 'plans' | 'ledger' | 'failures'>
  warehouse: Warehouse
  line: LinePort
  compileTemplate: CompileTemplate
  queueRates: QueueRates
  /** Milliseconds since the epoch: what is on record is dated by it, and the age of retry keys is told by it. */
  now: () => number
  /** Milliseconds by a clock that nobody sets; default `performance.now()`. */
  monotonicNow?: () => number
  /** Aborted when the process is asked to stop: running batches start no new call. */
  draining: AbortSignal
  /** How often outcomes are merged into the ledger while a batch runs; default 2,000. */
  mergeEveryMs: number
  /** Waits before round 1, 2 and so on; the last is repeated. */
  roundDelaysMs: readonly number[]
}
