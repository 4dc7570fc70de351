// A retry key of a new generation is called only by whoever has it on record.
import { expect, test } from 'vitest'
import { keyUsableForMs } from '../../domain/ledger.ts'
import { createMemoryLine } from './memory-ports.ts'
import { oneBatch } from './one-batch.ts'

/** A batch that was paused with every call definitely not accepted, the first of them so long ago. */
async function pausedBatch(ageMs: number) {
  let isQuotaOut = true
  const line = createMemoryLine(() =>
    isQuotaOut ? { kind: 'quota-reached', reason: 'used up', lineRequestId: null } : 'ok',
  )
  const batch = oneBatch({ sizes: [1, 1, 1], line })
  await batch.run()
  isQuotaOut = false
  line.calls.length = 0
  const firstCallAt = new Date(Date.now() - ageMs).toISOString()
  for (const record of Object.values(batch.ledger.records)) record.firstCallAt = firstCallAt
  batch.ledger.gate = { position: 'open', seq: 9 }
  return batch
}

/** Another attempt begins before the first merge of a new generation. */
function beginBeforeMerge({ ledger }: Awaited<ReturnType<typeof pausedBatch>>): void {
  const { merge } = ledger
  let isBegun = false
  ledger.merge = async (key, changes) => {
    const isRenewed = Object.values(changes).some(({ generation }) => generation > 0)
    if (isRenewed && !isBegun) {
      isBegun = true
      ledger.attempts += 1
    }
    return merge(key, changes)
  }
}

test('an attempt whose new generations were dropped, for it has a successor, calls none of them', async () => {
  const batch = await pausedBatch(24 * 3_600_000)
  beginBeforeMerge(batch)
  expect(await batch.run()).toEqual({ kind: 'again' })
  expect(batch.line.calls).toEqual([])
})

test('so it is where the keys become too old while the attempt has a permit', async () => {
  const batch = await pausedBatch(keyUsableForMs - 800)
  beginBeforeMerge(batch)
  const { takePermit } = batch.ledger
  batch.ledger.takePermit = async (...asked) => {
    const permit = await takePermit(...asked)
    batch.clock.offsetMs = 900
    return permit
  }
  expect(await batch.run()).toEqual({ kind: 'again' })
  expect(batch.line.calls).toEqual([])
})

test('all new generations of a batch are on record with one merge, before the first call', async () => {
  const batch = await pausedBatch(24 * 3_600_000)
  const merged: { renewed: number; calls: number }[] = []
  const { merge } = batch.ledger
  batch.ledger.merge = (key, changes) => {
    const renewed = Object.values(changes).filter(({ generation }) => generation > 0).length
    merged.push({ renewed, calls: batch.line.calls.length })
    return merge(key, changes)
  }
  await batch.run()
  expect(merged[0]).toEqual({ renewed: 3, calls: 0 })
  expect(batch.outcomes()).toEqual({ accepted: 3 })
})
