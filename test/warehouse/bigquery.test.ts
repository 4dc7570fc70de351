// The warehouse on BigQuery, over HTTP against the simulator: the suite of all warehouses.
import { createBigQuerySimulator } from '../../simulator/bigquery/simulator.ts'
import { describeWarehouse } from '../../warehouse/conformance.ts'
import { openBigQueryUnderTest } from './bigquery-under-test.ts'

describeWarehouse('BigQuery', async () => {
  const simulator = createBigQuerySimulator({ settings: { shortPages: 0.3, maxPageRows: 700 } })
  const { port } = await simulator.listen(0, '127.0.0.1')
  const made = await openBigQueryUnderTest({
    project: 'shop',
    location: 'asia-northeast1',
    apiEndpoint: `http://127.0.0.1:${port}`,
    patienceMs: 20,
  })
  return {
    ...made,
    async dispose() {
      await made.dispose()
      await simulator.close()
    },
  }
})
