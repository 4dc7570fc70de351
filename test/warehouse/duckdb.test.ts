// The embedded warehouse before the suite of all warehouses.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describeWarehouse } from '../../warehouse/conformance.ts'
import { type TableRow, type WarehouseUnderTest } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'

describeWarehouse('DuckDB', async (): Promise<WarehouseUnderTest> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'lfm-warehouse-'))
  const warehouse = createDuckDbWarehouse({ dataDir })
  return {
    warehouse,
    loadTable: (name, rows) => writeTable(dataDir, name, rows),
    async dispose() {
      await warehouse.close()
      await rm(dataDir, { recursive: true })
    },
  }
})

async function writeTable(dataDir: string, name: string, rows: readonly TableRow[]): Promise<void> {
  const folder = join(dataDir, 'tables', name)
  await mkdir(folder, { recursive: true })
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const types = columns.map((column) => {
    const isNumber = rows.some((row) => typeof row[column] === 'number')
    return `"${column}": '${isNumber ? 'BIGINT' : 'VARCHAR'}'`
  })
  const json = join(dataDir, `${name}.json`)
  await writeFile(json, rows.map((row) => JSON.stringify(row)).join('\n'))
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT * FROM read_ndjson('${json}', columns = {${types.join(', ')}})) TO '${folder}/rows.parquet'`,
  )
  connection.closeSync()
  instance.closeSync()
  await rm(json)
}
