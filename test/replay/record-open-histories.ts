// Records histories of deliveries that are not over: `node test/replay/record-open-histories.ts`.
// As record-histories.ts: run when a release adds a shape, into an empty folder, and never over what was shipped.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type History, historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { readSettings } from '../../config/env.ts'
import { findTemporalCli } from '../../embedded/temporal-cli.ts'
import { ensureBundle } from '../../worker/bundle.ts'
import { cancelUpdate, pageWorkflowId, pauseUpdate } from '../../workflows/messages.ts'
import { type FakeOptions } from '../workflows/fake-activities.ts'
import {
  setQueueRate,
  startDelivery,
  startTemporal,
  waitingBatches,
} from '../workflows/temporal-server.ts'

const folder = process.argv[2] ?? join(import.meta.dirname, 'histories')
const who = { by: 'an operator', why: 'a recording' }
const env = await startTemporal(
  await findTemporalCli({ named: readSettings().embedded.temporalCli }),
)
const bundlePath = await ensureBundle()

/** Writes the history as it is once nothing has been added to it for half a second. */
async function save(name: string, workflowId: string): Promise<void> {
  const handle = env.client.workflow.getHandle(workflowId)
  let history: History = await handle.fetchHistory()
  for (;;) {
    await sleep(500)
    const later: History = await handle.fetchHistory()
    const wasQuiet = later.events?.length === history.events?.length
    history = later
    if (wasQuiet) break
  }
  await writeFile(join(folder, `${name}.json`), historyToJSON(history), { flag: 'wx' })
  console.log(name, history.events?.length)
}

/** A promise for fakes to wait for. */
function createBarrier() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20)
}

type Run = Awaited<ReturnType<typeof startDelivery>>

/** Starts a delivery whose sends wait at the n-th, records it there, and lets it end. */
async function record(
  options: Partial<FakeOptions>,
  recordAt: (run: Run, barrier: ReturnType<typeof createBarrier>) => Promise<void>,
): Promise<void> {
  const barrier = createBarrier()
  await using run = await startDelivery(env, bundlePath, {
    pages: { multicast: 2, push: 1 },
    batchesPerPage: 3,
    onSend: async (_input, n) => {
      if (n > 4) await barrier.opened
      return undefined
    },
    ...options,
  })
  await recordAt(run, barrier)
  barrier.open()
  await run.handle.executeUpdate(cancelUpdate, { args: [who] }).catch(() => undefined)
  await run.handle.result()
}

const pageOf = (run: Run, pageNo: number) =>
  pageWorkflowId(run.handle.workflowId.replace('delivery/', ''), 'multicast', 0, pageNo)

await record({}, async (run) => {
  await until(() => run.delivery.sent.length === 4)
  await save('open-delivery-sending', run.handle.workflowId)
  await save('open-page-sending', pageOf(run, 1))
})
await record({}, async (run, barrier) => {
  await until(() => run.delivery.sent.length === 4)
  await run.handle.executeUpdate(pauseUpdate, { args: [who] })
  await save('open-delivery-paused', run.handle.workflowId)
  await save('open-page-told-of-a-pause', pageOf(run, 1))
  barrier.open()
})
await record({ pages: { multicast: 1, push: 0 }, batchesPerPage: 30 }, async (run, barrier) => {
  await until(() => run.delivery.sent.length === 4)
  run.delivery.gate = { position: 'paused', seq: 1, ...who }
  barrier.open()
  await save('open-page-held', pageOf(run, 0))
  await save('open-delivery-held-by-its-pages', run.handle.workflowId)
})
{
  const barrier = createBarrier()
  await record({ onRecord: () => barrier.opened }, async (run, sends) => {
    sends.open()
    await until(() => run.delivery.sent.length === 9)
    await save('open-delivery-with-sent-pages', run.handle.workflowId)
    await save('open-page-that-is-sent', pageOf(run, 1))
    barrier.open()
  })
}
await record({ unresolvedInRoundZero: 2, roundDelayMs: 3_600_000 }, async (run, barrier) => {
  barrier.open()
  await until(() => run.delivery.recordedPages.length === 3)
  await save('open-delivery-waiting-for-a-round', run.handle.workflowId)
})
{
  const barrier = createBarrier()
  await record(
    { before: (name) => (name === 'closeLedger' ? barrier.opened : undefined) },
    async (run, sends) => {
      await until(() => run.delivery.sent.length === 4)
      await run.handle.executeUpdate(cancelUpdate, { args: [who] })
      sends.open()
      await save('open-delivery-closing-its-ledger', run.handle.workflowId)
      barrier.open()
    },
  )
}
await record({ disagreements: 1 }, async (run, barrier) => {
  barrier.open()
  await until(() => run.delivery.gate.position === 'paused')
  await save('open-delivery-with-a-wrong-account', run.handle.workflowId)
})
{
  const failing: { isFailing: boolean } = { isFailing: true }
  const before = (name: string) => {
    if (name === 'freezeAudience' && failing.isFailing) throw new Error('The warehouse is away.')
  }
  await record({ before }, async (run) => {
    await until(() => run.delivery.phases.length === 1)
    await run.handle.executeUpdate(pauseUpdate, { args: [who] })
    await save('open-delivery-freezing', run.handle.workflowId)
    failing.isFailing = false
  })
}
{
  const stopped = { lineChannelId: '', lane: 'multicast' } as const
  let queue: Parameters<typeof setQueueRate>[1] = stopped
  const onSend: FakeOptions['onSend'] = async (input) => {
    if (queue !== stopped) return undefined
    queue = input
    await setQueueRate(env, input, 0)
    return { kind: 'stopped' }
  }
  await record({ pages: { multicast: 1, push: 0 }, batchesPerPage: 3, onSend }, async (run) => {
    while ((await waitingBatches(env, run.handle.workflowId).catch(() => 0)) < 1) await sleep(20)
    await run.handle.executeUpdate(cancelUpdate, { args: [who] })
    await save('page-cancelled-in-its-queue', pageOf(run, 0))
    await setQueueRate(env, queue, 100)
  })
}
{
  let comparisons = 0
  const before = (name: string) => {
    if (name === 'reconcile') comparisons += 1
  }
  await record({ disagreements: 1, before }, async (run, barrier) => {
    await until(() => run.delivery.sent.length === 4)
    await run.handle.executeUpdate(cancelUpdate, { args: [who] })
    barrier.open()
    await until(() => comparisons === 2)
    await save('delivery-cancelled-with-a-wrong-account', run.handle.workflowId)
  })
}
await env.teardown()
