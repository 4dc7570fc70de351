// Freezes in a process of its own, which can be killed.
import { createBigQueryWarehouse } from '../../warehouse/bigquery/warehouse.ts'
import { type FreezeRequest } from '../../warehouse/port.ts'

const { options, request } = JSON.parse(process.argv[2] ?? '') as {
  options: Parameters<typeof createBigQueryWarehouse>[0]
  request: FreezeRequest
}
await createBigQueryWarehouse(options).freeze(request)
