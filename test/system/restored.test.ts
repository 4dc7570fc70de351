// PostgreSQL is restored from a copy that is older than what LINE has accepted, and Temporal knows more than it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeSampleWarehouse } from '../../bench/sample-warehouse.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import { deliveryWorkflowId } from '../../workflows/messages.ts'
import { expectDiscreet } from './discretion.ts'
import { friends, type RunningSystem, startSystem, type Started } from './running-system.ts'

const who = { by: 'Mio', why: 'restored' }
/** 60 multicast calls in 30 s, for a stop and a start that are to come on the way. */
const slowDelivery = { sql: friends(30_000), text: 'Hello', rate: { multicast: 2 } }
const shortDelivery = { sql: friends(2_000), text: 'Hello' }

const dataDir = mkdtempSync(join(tmpdir(), 'lfm-system-'))
const database = join(dataDir, 'postgres')
const backup = join(dataDir, 'backup')
const simulator = createSimulator()

let system: RunningSystem
/** Half sent at the backup, further sent after it. */
let halfway: Started
/** Paused at the backup, sent to its end after it. */
let ended: Started
/** Started after the backup. */
let lost: Started
/** What the program said that makes the restored database safe. */
let said = ''
/** Calls of the lost delivery before the restore. */
let callsOfLost = 0

function order(operation: 'pause' | 'resume' | 'recover', { id }: Started) {
  return system.client.call(`${operation}Delivery`, { params: { id }, body: who })
}

function setRate({ channelId }: Started, multicast: number) {
  return system.client.call('setChannelRate', { params: { id: channelId }, body: { multicast } })
}

beforeAll(async () => {
  const { port } = await simulator.listen(0, '127.0.0.1')
  const sample = await makeSampleWarehouse({ dataDir, recipients: 30_000, seed: 1 })
  sample.close()
  const start = async (processes = {}) => {
    const lineUrl = `http://127.0.0.1:${port}`
    system = await startSystem({ friends: 30_000, dataDir, lineUrl, processes })
  }
  // With the owner of each file, who is another user where the tests run as root.
  const copy = (from: string, to: string) => execFileSync('cp', ['-a', from, to])

  await start()
  // Frozen, for without a plan in the backup it would be cancelled; and not sent before the backup.
  ended = await system.deliver({ ...shortDelivery, rate: { multicast: 0 } })
  await system.until(ended.id, ({ plan }) => plan !== null)
  await order('pause', ended)
  await setRate(ended, 50)
  halfway = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(halfway.unit, 10)
  await system.embedded.stop()
  const callsAtBackup = (await system.simulator.calls(halfway.unit)).length
  copy(database, backup)
  const takenAt = new Date().toISOString()

  await start()
  await system.simulator.untilCalls(halfway.unit, callsAtBackup + 15)
  // It must not come to its end while the others go on.
  await setRate(halfway, 0)
  lost = await system.deliver(slowDelivery)
  await order('resume', ended)
  await system.untilEnded(ended.id)
  await system.simulator.untilCalls(lost.unit, 10)
  // As in the backup, or else it would be Temporal that keeps it from sending when that is back.
  await setRate(halfway, slowDelivery.rate.multicast)
  await system.embedded.stop()
  callsOfLost = (await system.simulator.calls(lost.unit)).length
  rmSync(database, { recursive: true })
  copy(backup, database)

  await start({ worker: 0 })
  said = execFileSync(process.execPath, ['worker/after-restore.ts', '--backup-taken-at', takenAt], {
    env: system.embedded.env,
    encoding: 'utf8',
  })
  await system.embedded.stop()
  await start()
})

afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await simulator.close()
  rmSync(dataDir, { recursive: true, force: true })
})

test('what was open at the backup is held and sends nothing before it is recovered', async () => {
  expect(said).toContain('2 open deliveries are held.')
  for (const delivery of [halfway, ended]) {
    expect(said).toContain(`${delivery.id} paused`)
    const before = await system.simulator.calls(delivery.unit)
    await system.until(delivery.id, ({ state }) => state === 'interrupted')
    await expect(order('resume', delivery)).rejects.toThrow(/recover it first/)
    expect(await system.simulator.calls(delivery.unit)).toHaveLength(before.length)
  }
})

test('a delivery that went on after the backup reaches everybody once: LINE is asked with the keys of then', async () => {
  const before = await system.simulator.calls(halfway.unit)
  expect(await order('recover', halfway)).toMatchObject({ state: 'paused' })
  await setRate(halfway, 20)
  await order('resume', halfway)
  await system.expectExact(halfway, { planned: 30_000, accepted: 30_000 })
  const calls = (await system.simulator.calls(halfway.unit)).slice(before.length)
  expect(before.length).toBeLessThan(60)
  expect(calls.filter(({ status }) => status === 200)).toHaveLength(60 - before.length)
  // More than 10 of those before are in the ledger of the backup, and are not asked again.
  expect(calls.filter(({ status }) => status === 409).length).toBeGreaterThan(10)
  expect(calls.length).toBeLessThanOrEqual(50)
})

test('a delivery that had ended after the backup is told by LINE that it had', async () => {
  await order('recover', ended)
  await order('resume', ended)
  await system.expectExact(ended, { planned: 2_000, accepted: 2_000 })
  const calls = await system.simulator.calls(ended.unit)
  expect(calls.map(({ status }) => status)).toEqual([200, 200, 200, 200, 409, 409, 409, 409])
})

test('a delivery that was started after the backup sends no more, and the log names its workflow', async () => {
  const workflowId = deliveryWorkflowId(lost.id)
  const lines = () =>
    system.logs.filter(
      (line) => line.includes(workflowId) && line.includes('the store does not know'),
    )
  await expect.poll(lines, { timeout: 90_000 }).toHaveLength(1)
  expect(await system.simulator.calls(lost.unit)).toHaveLength(callsOfLost)
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello', who.why])
})
