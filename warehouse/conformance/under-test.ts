// A driver under test, with what every fact of the suite needs of it.
import { expect } from 'vitest'
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan } from '../../domain/plan.ts'
import { type PlannedRequest, type Warehouse } from '../port.ts'

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

/** The instant of every delivery under test. */
export const deliveryAt = '2026-11-22T10:00:00.000Z'

/** What facts are stated with; the driver is made before the first of them runs. */
export function factsAbout(made: () => WarehouseUnderTest) {
  let count = 0
  return {
    get warehouse() {
      return made().warehouse
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
