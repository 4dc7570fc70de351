// A BigQuery warehouse whose every statement is run by the emulator as well: simulator, emulator and judge of its own.
import { createBigQuerySimulator } from '../../simulator/bigquery/simulator.ts'
import { type BigQueryWarehouseOptions } from '../../warehouse/bigquery/warehouse.ts'
import { type WarehouseUnderTest } from '../../warehouse/conformance/under-test.ts'
import { openBigQueryUnderTest } from '../warehouse/bigquery-under-test.ts'
import { startEmulator } from './emulator.ts'
import { engineAt, type Engine } from './engine.ts'
import { startJudge, type Judge } from './judge.ts'

/** A warehouse under test with who judges it. */
export interface JudgedWarehouse extends WarehouseUnderTest {
  dataset: string
  judge: Judge
  /** The emulator itself. */
  emulator: Engine
}

const project = 'shop'

/** @param path of the emulator's program. */
export async function openJudged(
  path: string,
  more: Partial<BigQueryWarehouseOptions> = {},
): Promise<JudgedWarehouse> {
  const emulator = await startEmulator(path, project)
  const simulator = createBigQuerySimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${port}`
  const judge = await startJudge({ simulator: url, emulator: emulator.url, project })
  const made = await openBigQueryUnderTest(
    { project, location: 'asia-northeast1', apiEndpoint: judge.url, patienceMs: 20 },
    more,
  )
  return {
    ...made,
    judge,
    emulator: engineAt(emulator.url, project),
    async dispose() {
      await made.dispose()
      await judge.close()
      await simulator.close()
      await emulator.close()
    },
  }
}
