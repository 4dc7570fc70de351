// What jobs of a warehouse took is kept with their delivery, each job once.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore
beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const job = { step: 'segment', bytesProcessed: 3e9, bytesBilled: 3.1e9, slotMs: 5e9 }

test('the jobs of a delivery are summed up, and one that is told again counts once', async () => {
  const { warehouseUsages } = opened.store
  const { id } = await opened.delivery()
  const { id: other } = await opened.delivery()
  expect(await warehouseUsages.of(id)).toBeUndefined()
  await warehouseUsages.note(id, { ...job, jobId: `${id}_0` })
  await warehouseUsages.note(id, { ...job, jobId: `${id}_0` })
  // Looked at before its end was known in full.
  await warehouseUsages.note(id, { ...job, jobId: `${id}_0`, slotMs: 1 })
  await warehouseUsages.note(id, { ...job, jobId: `${id}_1` })
  await warehouseUsages.note(other, { ...job, jobId: `${other}_0` })
  expect(await warehouseUsages.of(id)).toEqual({
    jobs: 2,
    bytesProcessed: 6e9,
    bytesBilled: 6.2e9,
    slotMs: 10e9,
  })
})

test.each(['0192f0c1-0000-7000-8000-000000000001', 'd1'])(
  'a job of a delivery that is not in the store (%s) is not kept',
  async (id) => {
    await opened.store.warehouseUsages.note(id, { ...job, jobId: `stray_${id}` })
    expect(
      await opened.query('select 1 from warehouse_job where job_id like $1', ['stray%']),
    ).toEqual([])
  },
)
