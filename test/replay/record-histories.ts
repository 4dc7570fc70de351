// Records histories of each shape that a delivery takes: `node test/replay/record-histories.ts`.
// Run when a release adds a shape, into an empty folder, and never over what was shipped: that has to replay for ever.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { readSettings } from '../../config/env.ts'
import { findTemporalCli } from '../../embedded/temporal-cli.ts'
import { ensureBundle } from '../../worker/bundle.ts'
import { pageWorkflowId, pauseUpdate, resumeUpdate } from '../../workflows/messages.ts'
import { type FakeOptions } from '../workflows/fake-activities.ts'
import { startDelivery, startTemporal } from '../workflows/temporal-server.ts'

const folder = process.argv[2] ?? join(import.meta.dirname, 'histories')
const who = { by: 'an operator', why: 'a recording' }
const env = await startTemporal(
  await findTemporalCli({ named: readSettings().embedded.temporalCli }),
)
const bundlePath = await ensureBundle()
await mkdir(folder, { recursive: true })

async function save(name: string, workflowId: string, runId?: string) {
  const history = await env.client.workflow.getHandle(workflowId, runId).fetchHistory()
  await writeFile(join(folder, `${name}.json`), historyToJSON(history), { flag: 'wx' })
  console.log(name, history.events?.length)
}

const plain = { pages: { multicast: 2, push: 1 }, batchesPerPage: 3 }
{
  await using run = await startDelivery(env, bundlePath, plain)
  await run.handle.result()
  await save('delivery-done', run.handle.workflowId)
  const deliveryId = run.handle.workflowId.replace('delivery/', '')
  await save('page-done', pageWorkflowId(deliveryId, 'multicast', 0, 0))
}
{
  await using run = await startDelivery(env, bundlePath, { ...plain, refuseFreeze: 'No rows.' })
  await run.handle.result()
  await save('delivery-failed-before-send', run.handle.workflowId)
}
{
  await using run = await startDelivery(env, bundlePath, {
    ...plain,
    unresolvedInRoundZero: 2,
    quotaProblem: 'The quota has no room.',
  })
  while (run.delivery.gate.position !== 'paused') await new Promise((r) => setTimeout(r, 50))
  await run.handle.executeUpdate(pauseUpdate, { args: [who] })
  await run.handle.executeUpdate(resumeUpdate, { args: [who] })
  await run.handle.result()
  await save('delivery-paused-for-quota-then-round', run.handle.workflowId)
}
{
  await using run = await startDelivery(env, bundlePath, plain, { pagesPerRun: 1 })
  const { runId } = await run.handle.describe()
  await run.handle.result()
  await save('delivery-first-run-of-several', run.handle.workflowId, runId)
  await save('delivery-last-run-of-several', run.handle.workflowId)
}
{
  const cancelled: FakeOptions = { ...plain }
  await using run = await startDelivery(env, bundlePath, cancelled)
  cancelled.onSend = async (_input, n) => {
    if (n === 2) run.delivery.gate = { position: 'cancelled', seq: 1, ...who }
    return undefined
  }
  await run.handle.result()
  await save('delivery-cancelled-during-send', run.handle.workflowId)
}
await env.teardown()
