// One batch of multicasts with everything around it in memory, for tests of `sendBatch`.
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import {
  createSendActivities,
  type SendBatchInput,
  type SendBatchResult,
} from '../../activities/send-batch.ts'
import { type MessageTemplate } from '../../activities/ports.ts'
import { type LineAnswer, type LineCall } from '../../line/port.ts'
import { retryKey } from '../../line/retry-key.ts'
import { type SplitPause } from '../../store/split-budget.ts'
import { createMemoryLedger, createMemoryLine, planOf } from './memory-ports.ts'

export const deliveryId = '0192f0c1-0000-7000-8000-000000000001'
export const input = {
  deliveryId,
  lineChannelId: '1',
  lane: 'multicast',
  batchNo: 0,
  round: 0,
} as const

/** Attempts are made to fail here, which is no news. */
const logger = new DefaultLogger('ERROR')

type MemoryLine = Pick<
  ReturnType<typeof createMemoryLine>,
  'deadlineMs' | 'callsAtOnce' | 'prepare' | 'send'
>
type MemoryLedger = ReturnType<typeof createMemoryLedger>

const plainTemplate: MessageTemplate = {
  render: () => ({ ok: true, messagesJson: '[{"type":"text","text":"hello"}]' }),
}

/** The activities of one process, over ports in memory. */
export function sendingOver(ports: {
  ledger: Omit<MemoryLedger, 'gate'>
  line: MemoryLine
  planned: ReturnType<typeof planOf>
  now: () => number
  draining: AbortSignal
  mergeEveryMs: number
  /** What the channel says; default 200. */
  callsPerSecond?: number
  pause(why: string): Promise<MemoryLedger['gate']>
  template?: () => MessageTemplate
  /** Default: gives what is planned. */
  read?: () => Promise<ReturnType<typeof planOf>>
}) {
  const { ledger, line, planned, now, draining, mergeEveryMs } = ports
  const activities = createSendActivities({
    store: {
      ledger,
      failures: { find: async () => undefined },
      deliveries: {
        find: async () => ({
          id: deliveryId,
          channelId: 'c',
          contentId: 'k',
          contentVersion: 1,
          renderedAsOf: new Date(0),
          timeZone: 'UTC',
          locale: 'en',
          aggregationUnit: null,
        }),
        async moveGate(_id: string, _to: 'paused', facts: { why: string; split?: SplitPause }) {
          if (facts.split) ledger.startSplitBudget(facts.split)
          return { isMoved: true, delivery: { gate: await ports.pause(facts.why) } }
        },
      },
      plans: {
        find: async () => ({ attempt: 'a', requests: { multicast: planned.length, push: 0 } }),
      },
      contents: { find: async () => ({ messages: [], notificationDisabled: false }) },
      channels: {
        find: async () => ({
          id: 'c',
          lineChannelId: '1',
          callsPerSecond: { multicast: ports.callsPerSecond ?? 200, push: 2000 },
        }),
        secretOf: async () => 'secret',
      },
    } as never,
    warehouse: { readRequests: ports.read ?? (async () => planned) } as never,
    line: { ...line } as never,
    compileTemplate: () => ({
      render: (variables) => (ports.template?.() ?? plainTemplate).render(variables),
    }),
    now,
    draining,
    mergeEveryMs,
    retryKey,
  })
  return (round: number): Promise<SendBatchResult> =>
    new MockActivityEnvironment(undefined, { logger }).run(
      (batch: SendBatchInput) => activities.sendBatch(batch),
      {
        ...input,
        round,
      },
    )
}

/** One batch with everything around it in memory; `sendBatch` may be run as often as wanted. */
export function oneBatch<Line extends MemoryLine>(options: {
  sizes: number[]
  line: Line
  template?: MessageTemplate
  read?: () => Promise<ReturnType<typeof planOf>>
}) {
  const clock = { offsetMs: 0 }
  const now = () => Date.now() + clock.offsetMs
  const ledger = createMemoryLedger(now)
  const { line } = options
  const planned = planOf(options.sizes)
  const draining = new AbortController()
  let { template } = options
  const pauses: string[] = []
  const recipients = planned.reduce((sum, { userIds }) => sum + userIds.length, 0)
  const run = sendingOver({
    // Looked up at each call, so that a test may put another in the place of one.
    ledger: {
      ...ledger,
      takePermit: (...asked: Parameters<typeof ledger.takePermit>) => ledger.takePermit(...asked),
      hasAccepted: (...asked: Parameters<typeof ledger.hasAccepted>) =>
        ledger.hasAccepted(...asked),
      findAccepted: (...asked: Parameters<typeof ledger.findAccepted>) =>
        ledger.findAccepted(...asked),
      merge: (...merged: Parameters<typeof ledger.merge>) => ledger.merge(...merged),
    },
    line,
    planned,
    now,
    draining: draining.signal,
    mergeEveryMs: 50,
    async pause(why) {
      pauses.push(why)
      ledger.gate = { position: 'paused', seq: ledger.gate.seq + 1, why }
      return ledger.gate
    },
    template: () => template ?? plainTemplate,
    ...(options.read && { read: options.read }),
  })
  return {
    clock,
    ledger,
    line,
    pauses,
    draining,
    recipients,
    renderOtherwise: (other: MessageTemplate) => (template = other),
    run: (round = 0) => run(round),
    outcomes() {
      const sums: Record<string, number> = {}
      for (const record of Object.values(ledger.records))
        if (record.state !== 'split')
          sums[record.state] = (sums[record.state] ?? 0) + record.recipients
      return sums
    },
  }
}

/** One batch, and a LINE that answers by the script. */
export function aBatch(options: {
  sizes: number[]
  script?: (call: LineCall, n: number) => LineAnswer | 'lost' | 'ok'
  template?: MessageTemplate
  read?: () => Promise<never>
}) {
  const line = createMemoryLine(options.script ?? (() => 'ok'))
  return oneBatch({ ...options, line })
}
