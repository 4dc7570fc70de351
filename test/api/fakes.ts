// Ports in memory: a Temporal that can be away, a warehouse with one table, a LINE that remembers what it was told.
import { type Lane } from '../../domain/lane.ts'
import {
  type DeliveryWorkflows,
  type Operation,
  type QueueSight,
  type Told,
} from '../../api/temporal.ts'
import { type AppParts } from '../../api/deps.ts'
import { type OperatorRequest } from '../../workflows/messages.ts'
import { SegmentRefused } from '../../warehouse/port.ts'

export interface FakeWorkflows extends DeliveryWorkflows {
  isAway: boolean
  /** What telling a workflow gives, where Temporal is there. */
  onTell: (deliveryId: string, operation: Operation, request: OperatorRequest) => Promise<Told>
  /** Task queues that are served otherwise than by a worker that has just asked for work. */
  queues: Record<string, QueueSight>
  /** What activities fail with. */
  failing: string[]
  started: { deliveryId: string; lineChannelId: string; summary: string }[]
  /** Deliveries that can't be begun again, for their workflow runs. */
  running: Set<string>
  begunAgain: string[]
  told: { deliveryId: string; operation: Operation; request: OperatorRequest }[]
  rates: { lineChannelId: string; lane: Lane; callsPerSecond: number }[]
}

/** What a workflow answers whose delivery is being sent. */
export const toldOpen = async () =>
  ({ kind: 'told', answer: { state: 'sending', gate: { position: 'open', seq: 0 } } }) as const

export function fakeWorkflows(): FakeWorkflows {
  const fake: FakeWorkflows = {
    isAway: false,
    onTell: toldOpen,
    queues: {},
    failing: [],
    started: [],
    running: new Set(),
    begunAgain: [],
    told: [],
    rates: [],
    async start({ id }, facts) {
      if (fake.isAway) return 'away'
      fake.started.push({ deliveryId: id, ...facts })
      return 'told'
    },
    async beginAgain({ id }) {
      if (fake.isAway) return 'away'
      if (fake.running.has(id)) return 'running'
      fake.begunAgain.push(id)
      return 'begun'
    },
    async tell(deliveryId, operation, request) {
      if (fake.isAway) return { kind: 'away' }
      fake.told.push({ deliveryId, operation, request })
      return fake.onTell(deliveryId, operation, request)
    },
    async setLaneRate(lineChannelId, lane, callsPerSecond) {
      if (fake.isAway) return 'away'
      fake.rates.push({ lineChannelId, lane, callsPerSecond })
      return 'told'
    },
    async queueSight(name) {
      if (fake.isAway) return 'away'
      return fake.queues[name] ?? { lastPollAgoMs: 1_000, backlog: 0 }
    },
    failures: async () => (fake.isAway ? 'away' : fake.failing),
    isUp: async () => !fake.isAway,
    close: async () => undefined,
  }
  return fake
}

/** SQL is refused, or yields, by words in it. */
export function fakeWarehouse(): AppParts['warehouse'] {
  return {
    dialect: 'duckdb',
    async inspectSegment(sql, variables) {
      if (sql.includes('broken engine')) throw new Error('the engine fell over')
      if (sql.includes(';')) {
        throw new SegmentRefused('not-one-statement', 'The segment must be one statement.')
      }
      if (sql.includes('nowhere')) {
        const message = 'Table with name nowhere does not exist!'
        throw new SegmentRefused('unknown-table', message, { line: 1, column: 15 })
      }
      const columns = ['user_id', 'name']
      const missing = variables.find((variable) => !columns.includes(variable))
      if (missing !== undefined) {
        throw new SegmentRefused('missing-variable', `The segment lacks the column "${missing}".`)
      }
      return {
        columns: columns.map((name) => ({ name, type: 'VARCHAR' })),
        hasRows: !sql.includes('limit 0'),
      }
    },
    async *recipients(_deliveryId, outcome) {
      if (outcome === 'unknown') throw new Error('the log is gone')
      if (outcome !== 'accepted') return
      yield [`U${'a'.repeat(32)}`, `U${'b'.repeat(32)}`]
      yield [`U${'c'.repeat(32)}`]
    },
    async writeList(listId, columns, chunks) {
      const ids = new Set<string>()
      for await (const chunk of chunks) for (const { userId } of chunk) ids.add(userId)
      const table = `list_${listId}`
      const sql = `select ${['user_id', ...columns].join(', ')} from ${table}`
      return { table, columns: [...columns], rows: ids.size, sql }
    },
    dropList: async () => undefined,
    malformedIds: async (_deliveryId, _attempt, limit) => ['nobody', 'U123'].slice(0, limit),
  }
}
