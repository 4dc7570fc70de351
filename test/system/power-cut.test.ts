// Everything is killed at once, and started again 30 hours later, when LINE has forgotten all keys.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { agePast } from '../../bench/ageing.ts'
import { makeSampleWarehouse } from '../../bench/sample-warehouse.ts'
import { deliveryText } from '../../cli/delivery-text.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import { query } from '../store/open-store.ts'
import { untilAttemptsEnded } from './attempts.ts'
import { friends, type RunningSystem, startSystem } from './running-system.ts'

const allFriends = 30_000
const calls = 500
/** Requests of 60 friends each, 25 batches of 20. */
const wanted = {
  sql: friends(allFriends, `user_id, TRY_CAST(substr(name, 8) AS INTEGER) % ${calls} AS title`),
  text: 'Hello {{ title }}',
  rate: { multicast: 30 },
}
const hours = 30

/** A LINE that keeps its power, and the data folder. */
async function openRestartable() {
  const dataDir = mkdtempSync(join(tmpdir(), 'lfm-system-'))
  const simulator = createSimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    await simulator.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const sample = await makeSampleWarehouse({ dataDir, recipients: allFriends, seed: 1 })
  sample.close()
  const lineUrl = `http://127.0.0.1:${port}`
  async function start(workers: number): Promise<RunningSystem> {
    const processes = { worker: workers }
    const system = await startSystem({ friends: allFriends, dataDir, lineUrl, processes })
    onTestFinished(() => system[Symbol.asyncDispose]())
    return system
  }
  return {
    start: () => start(1),
    /** All at once; then 30 hours pass, and everything but a worker is there again. */
    async cutPower({ embedded }: RunningSystem): Promise<RunningSystem> {
      await Promise.all(embedded.processes().map(({ name }) => embedded.kill(name, 'SIGKILL')))
      // Only gives the data folder free: nothing runs any more.
      await embedded.stop()
      const system = await start(0)
      await agePast({ databaseUrl: system.embedded.addresses.databaseUrl, lineUrl, hours })
      return system
    },
  }
}

/** Requests without an outcome that a permit was for: a call may have been made of which nobody has recorded the end. */
async function inDoubt({ embedded }: RunningSystem, id: string): Promise<number> {
  const [row] = await query(
    embedded.addresses.databaseUrl,
    `select count(*)::integer as n
      from batch b join batch_attempt a using (delivery_id, lane, batch_no)
        cross join lateral generate_series(b.batch_no * 20, least(b.batch_no * 20 + 20, a.called_below) - 1) request
      where delivery_id = $1 and coalesce(b.records -> request::text ->> 'state', '') <> 'accepted'`,
    [id],
  )
  return Number(row?.n)
}

test('30 hours after a power cut what was in doubt is unknown, and all others are reached once', async () => {
  const restartable = await openRestartable()
  const before = await restartable.start()
  await before.line.settings({ latencyMs: 1_000 })
  // However many these are: whether to go on without them is another test's question.
  const delivery = await before.deliver({ ...wanted, pauseAtFailedShare: 1 })
  await before.simulator.untilCalls(delivery.unit, 100)
  const after = await restartable.cutPower(before)
  const accepted = (await after.simulator.calls(delivery.unit)).filter((call) => call.accepted)
  const requests = await inDoubt(after, delivery.id)
  const doubtful = requests * (allFriends / calls)
  expect(accepted.length).toBeLessThan(calls)
  expect(doubtful).toBeGreaterThan(0)
  // All 25 batches were begun, and no permit was for most of what is in them.
  expect(requests).toBeLessThan(300)
  await after.embedded.startWorker()
  const ended = await after.expectExact(delivery, {
    planned: allFriends,
    unknown: doubtful,
    accepted: allFriends - doubtful,
  })
  expect(ended.state).toBe('done with failures')
  expect(deliveryText(ended)).toContain(
    `${doubtful.toLocaleString('en')} (a resend may reach these twice)`,
  )
}, 400_000)

test('a delivery paused when the power was cut is exact 30 hours later, whatever LINE had refused for its rate', async () => {
  const restartable = await openRestartable()
  const before = await restartable.start()
  const registered = await before.register(wanted)
  const fault = {
    on: 'multicast',
    when: { unit: registered.unit, every: 3 },
    do: '429-user',
  } as const
  await before.simulator.addFault(fault)
  const params = { id: registered.campaignId }
  const { id } = await before.client.call('startCampaign', { params, body: {} })
  const delivery = { id, ...registered }
  await before.simulator.untilCalls(delivery.unit, 100)
  const order = { params: { id }, body: { by: 'a test', why: 'the night' } }
  await before.client.call('pauseDelivery', order)
  // What LINE had refused, or was never asked, is on record as not accepted.
  await untilAttemptsEnded(before.embedded.addresses.databaseUrl, id)
  await before.simulator.clearFaults()
  const after = await restartable.cutPower(before)
  await after.embedded.startWorker()
  await vi.waitFor(() => after.client.call('resumeDelivery', order), {
    timeout: 60_000,
    interval: 500,
  })
  const { state } = await after.expectExact(delivery, { planned: allFriends, accepted: allFriends })
  expect(state).toBe('done')
}, 400_000)
