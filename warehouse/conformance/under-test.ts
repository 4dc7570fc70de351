// A driver under test, with what every fact of the suite needs of it.
import { expect } from 'vitest'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan } from '../../domain/plan.ts'
import { type PlannedRequest, SegmentRefused, type Warehouse } from '../port.ts'

/** One row of a test table; a column that a row lacks is NULL. */
export type TableRow = Readonly<Record<string, string | number | null>>

/** A driver under test, with a way to give it a table. */
export interface WarehouseUnderTest {
  warehouse: Warehouse
  /** Makes or replaces a table; text and number columns, as the rows have them. */
  loadTable(name: string, rows: readonly TableRow[]): Promise<void>
  dispose(): Promise<void>
}

/** A well-formed LINE user id. */
export function userId(number: number): string {
  return `U${number.toString(16).padStart(32, '0')}`
}

/** Rows as a stream, in chunks of two, as they come from a store. */
export async function* inChunks<Row>(rows: readonly Row[]): AsyncGenerator<Row[]> {
  for (let from = 0; from < rows.length; from += 2) yield rows.slice(from, from + 2)
}

/** The instant of every delivery under test. */
export const deliveryAt = '2026-11-22T10:00:00.000Z'

/** What facts are stated with; the driver is made before the first of them runs. */
export function factsAbout(made: () => WarehouseUnderTest) {
  let count = 0
  return {
    get warehouse() {
      return made().warehouse
    },
    /** A named parameter as SQL of the driver's dialect writes it. */
    parameter: (name: string) => `${made().warehouse.dialect === 'bigquery' ? '@' : '$'}${name}`,

    /** What a segment yields, by user id: the variables of each; nothing where it reaches nobody. */
    async rowsOf(
      sql: string,
      variables: readonly string[],
    ): Promise<Map<string, Record<string, unknown>>> {
      count += 1
      const deliveryId = `rows-${count}`
      const request = { deliveryId, attempt: 'a1', sql, variables, deliveryAt }
      const plan = await made()
        .warehouse.freeze(request)
        .catch((error: unknown) => {
          if (error instanceof SegmentRefused && error.reason === 'no-rows') return undefined
          throw error
        })
      const read = plan ? await this.readAll(deliveryId, plan) : { multicast: [], push: [] }
      return new Map(
        lanes.flatMap((lane) =>
          read[lane].flatMap(({ userIds, variables: json }) =>
            userIds.map((id) => [id, JSON.parse(json) as Record<string, unknown>] as const),
          ),
        ),
      )
    },
    loadTable: (name: string, rows: readonly TableRow[]) => made().loadTable(name, rows),

    /** Loads rows as a table of their own and freezes them under a delivery of their own. */
    async frozen(rows: readonly TableRow[], variables: readonly string[] = []) {
      const { warehouse } = made()
      count += 1
      const table = `facts_${count}`
      const deliveryId = `delivery-${count}`
      await made().loadTable(table, rows)
      const sql = `SELECT * FROM ${table}`
      const freeze = (attempt: string) =>
        warehouse.freeze({ deliveryId, attempt, sql, variables, deliveryAt })
      return { deliveryId, sql, table, freeze, plan: await freeze('a1') }
    },

    async readAll(deliveryId: string, plan: FrozenPlan) {
      const { warehouse } = made()
      const read: Record<Lane, PlannedRequest[]> = { multicast: [], push: [] }
      for (const lane of lanes) {
        const { requests, batchRecipients } = plan.lanes[lane]
        expect(batchRecipients).toHaveLength(Math.ceil(requests / requestsPerBatch[lane]))
        for (const [batchNo, recipients] of batchRecipients.entries()) {
          const fromRequest = batchNo * requestsPerBatch[lane]
          const toRequest = Math.min(fromRequest + requestsPerBatch[lane], requests)
          const range = { deliveryId, attempt: plan.attempt, lane, fromRequest, toRequest }
          const batch = await warehouse.readRequests(range)
          expect(batch.flatMap((request) => request.userIds)).toHaveLength(recipients)
          read[lane].push(...batch)
        }
      }
      return read
    },
  }
}

export type Facts = ReturnType<typeof factsAbout>
