// A BigQuery warehouse for tests: a dataset of its own in a project, or in a simulator, with a way to give it tables.
import { randomUUID } from 'node:crypto'
import { connect, type ConnectionOptions } from '../../warehouse/bigquery/client.ts'
import { createJobs } from '../../warehouse/bigquery/jobs.ts'
import {
  createBigQueryWarehouse,
  type BigQueryWarehouseOptions,
} from '../../warehouse/bigquery/warehouse.ts'
import { type TableRow, type WarehouseUnderTest } from '../../warehouse/conformance/under-test.ts'

/** Makes the dataset, whose name no other run has; it is removed with all that is in it. */
export async function openBigQueryUnderTest(
  where: Omit<ConnectionOptions, 'dataset'>,
  more: Partial<BigQueryWarehouseOptions> = {},
): Promise<WarehouseUnderTest & { dataset: string }> {
  const dataset = `lfm_test_${randomUUID().replaceAll('-', '')}`
  const connection = connect({ ...where, dataset })
  const { project, location } = connection
  await connection.call({
    method: 'POST',
    path: 'datasets',
    body: {
      datasetReference: { projectId: project, datasetId: dataset },
      location,
      // What a killed run leaves behind goes by itself.
      defaultTableExpirationMs: String(24 * 60 * 60 * 1000),
    },
  })
  const options = { ...where, dataset, maximumBytesBilled: 1e9, ...more }
  const warehouse = createBigQueryWarehouse(options)
  const jobs = createJobs({ connection, maximumBytesBilled: 1e9 })
  return {
    dataset,
    warehouse,
    async loadTable(name, rows) {
      await jobs.run({
        id: ['test', name, randomUUID()],
        step: 'test',
        load: {
          destinationTable: connection.reference(name),
          sourceFormat: 'NEWLINE_DELIMITED_JSON',
          schema: { fields: columnsOf(rows) },
          writeDisposition: 'WRITE_TRUNCATE',
        },
        upload: () => rows.map((row) => `${JSON.stringify(row)}\n`),
      })
    },
    async dispose() {
      await warehouse.close()
      await connection.call({
        method: 'DELETE',
        path: `datasets/${dataset}`,
        query: { deleteContents: true },
      })
    },
  }
}

function columnsOf(rows: readonly TableRow[]) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return names.map((name) => {
    const isNumber = rows.some((row) => typeof row[name] === 'number')
    return { name, type: isNumber ? 'INTEGER' : 'STRING', mode: 'NULLABLE' }
  })
}
