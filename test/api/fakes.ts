// Ports in memory: a Temporal that can be away, a warehouse with one table, a LINE that remembers what it was told.
import { type Lane } from '../../domain/lane.ts'
import { type DeliveryWorkflows, type Operation, type Told } from '../../api/temporal.ts'
import { type AppParts } from '../../api/deps.ts'
import { type OperatorRequest } from '../../workflows/messages.ts'
import { SegmentRefused } from '../../warehouse/port.ts'

export interface FakeWorkflows extends DeliveryWorkflows {
  isAway: boolean
  /** What telling a workflow gives, where Temporal is there. */
  onTell: (deliveryId: string, operation: Operation, request: OperatorRequest) => Promise<Told>
  started: { deliveryId: string; lineChannelId: string; summary: string }[]
  told: { deliveryId: string; operation: Operation; request: OperatorRequest }[]
  rates: { lineChannelId: string; lane: Lane; callsPerSecond: number }[]
}

export function fakeWorkflows(): FakeWorkflows {
  const fake: FakeWorkflows = {
    isAway: false,
    onTell: async () => ({
      kind: 'told',
      answer: { state: 'sending', gate: { position: 'open', seq: 0 } },
    }),
    started: [],
    told: [],
    rates: [],
    async start({ id }, facts) {
      if (fake.isAway) return 'away'
      fake.started.push({ deliveryId: id, ...facts })
      return 'told'
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
    malformedIds: async (_deliveryId, _attempt, limit) => ['nobody', 'U123'].slice(0, limit),
  }
}
