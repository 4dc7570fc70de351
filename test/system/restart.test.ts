// Everything is stopped or killed in mid-delivery, and started again on the same data folder.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeSampleWarehouse } from '../../bench/sample-warehouse.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import { friends, type RunningSystem, startSystem } from './running-system.ts'

/** A LINE that outlives the system, as the real one does, and a data folder that is kept between two starts. */
async function openRestartable() {
  const dataDir = mkdtempSync(join(tmpdir(), 'lfm-system-'))
  const simulator = createSimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    await simulator.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const sample = await makeSampleWarehouse({ dataDir, recipients: 30_000, seed: 1 })
  sample.close()
  return async (): Promise<RunningSystem> => {
    const lineUrl = `http://127.0.0.1:${port}`
    // A call given up for a slow machine's sake would be called again, and counted.
    const env = { LFM_LINE_DEADLINE_MS: '5000' }
    const system = await startSystem({ friends: 30_000, dataDir, lineUrl, env })
    onTestFinished(() => system[Symbol.asyncDispose]())
    return system
  }
}

const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 5 } }
const everybody = { planned: 30_000, accepted: 30_000 }

test('a delivery goes on when everything was stopped in order and is started again', async () => {
  const start = await openRestartable()
  const before = await start()
  const delivery = await before.deliver(slowDelivery)
  await before.simulator.untilCalls(delivery.unit, 10)
  await before.embedded.stop()
  // Looked at while nothing runs: what is started next calls LINE again at once.
  const calls = await before.simulator.calls(delivery.unit)
  expect(calls.length).toBeLessThan(60)
  expect(calls.filter(({ answeredAt }) => answeredAt === null)).toEqual([])
  const after = await start()
  const { state } = await after.expectExact(delivery, everybody)
  expect(state).toBe('done')
  // Nothing was abandoned by the stop, so nothing had to be asked again.
  expect(await after.simulator.calls(delivery.unit)).toHaveLength(60)
})

test('a delivery goes on when everything was killed with -9 and is started again', async () => {
  const start = await openRestartable()
  const before = await start()
  const delivery = await before.deliver(slowDelivery)
  await before.simulator.untilCalls(delivery.unit, 10)
  await Promise.all(
    before.embedded.processes().map(({ name }) => before.embedded.kill(name, 'SIGKILL')),
  )
  // Only gives the data folder free: nothing runs any more.
  await before.embedded.stop()
  expect((await before.simulator.calls(delivery.unit)).length).toBeLessThan(60)
  const after = await start()
  const { state } = await after.expectExact(delivery, everybody)
  expect(state).toBe('done')
})
