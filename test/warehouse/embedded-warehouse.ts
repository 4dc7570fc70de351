// The embedded warehouse over a data folder of its own, and ways to fill and to ask it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { SegmentRefused } from '../../warehouse/port.ts'

export type EmbeddedWarehouse = Awaited<ReturnType<typeof openEmbeddedWarehouse>>

export async function openEmbeddedWarehouse() {
  const dataDir = await mkdtemp(join(tmpdir(), 'lfm-warehouse-'))
  const warehouse = createDuckDbWarehouse({ dataDir })
  const freeze = (sql: string, variables: string[] = [], attempt = 'a1') =>
    warehouse.freeze({ deliveryId: 'd1', attempt, sql, variables, deliveryAt })
  return {
    dataDir,
    warehouse,
    /** Freezes the audience of delivery `d1`. */
    freeze,
    /** Puts a file into `tables/`. @returns its path */
    async drop(path: string, text: string): Promise<string> {
      const file = join(dataDir, 'tables', path)
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, text)
      return file
    },
    /** Why a segment is refused. */
    async refusal(sql: string): Promise<SegmentRefused> {
      const error: unknown = await warehouse
        .inspectSegment(sql, [])
        .catch((reason: unknown) => reason)
      if (error instanceof SegmentRefused) return error
      throw new Error(`The segment was not refused: ${sql}`)
    },
    /** The variables of a segment of one row with these columns, as they are frozen. */
    async variablesOf(columns: string, names: string[]): Promise<string | undefined> {
      await freeze(`SELECT '${userId(1)}' AS user_id, ${columns}`, names)
      const range = { deliveryId: 'd1', attempt: 'a1', lane: 'push' as const }
      const [request] = await warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 })
      return request?.variables
    },
    async [Symbol.asyncDispose]() {
      await warehouse.close()
      await rm(dataDir, { recursive: true })
    },
  }
}
