// Opens the warehouse that the settings name.
import { type BigQueryWarehouseOptions } from './bigquery/warehouse.ts'
import { type Warehouse } from './port.ts'

/** Which warehouse, with what it needs. */
export type WarehouseSettings =
  | {
      readonly kind: 'duckdb'
      /** DuckDB's memory limit, such as `128MB`. */
      readonly memory: string
    }
  | ({ readonly kind: 'bigquery' } & Readonly<
      Pick<
        BigQueryWarehouseOptions,
        'project' | 'location' | 'dataset' | 'maximumBytesBilled' | 'readBy' | 'apiEndpoint'
      >
    >)

/**
 * Opens it; nothing is read before the first use. Only the driver that is used is loaded, for each brings an engine or
 * a client of some ten megabytes.
 * @param facts.dataDir the data folder, which DuckDB's tables lie in.
 * @param facts.keepDays days after its end that a delivery's plan is needed.
 * @param books what is counted over all processes, where the engine bills or limits it.
 */
export async function openWarehouse(
  settings: WarehouseSettings,
  facts: { dataDir: string; keepDays: { plans: number } },
  books: Pick<BigQueryWarehouseOptions, 'onUsage' | 'nextChange'> = {},
): Promise<Warehouse> {
  switch (settings.kind) {
    case 'duckdb': {
      const { createDuckDbWarehouse } = await import('./duckdb/warehouse.ts')
      return createDuckDbWarehouse({ dataDir: facts.dataDir, memoryLimit: settings.memory })
    }
    case 'bigquery': {
      const { createBigQueryWarehouse } = await import('./bigquery/warehouse.ts')
      return createBigQueryWarehouse({ ...settings, keepDays: facts.keepDays.plans, ...books })
    }
  }
}
