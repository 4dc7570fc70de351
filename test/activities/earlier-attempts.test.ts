// What an attempt of a batch makes of those before it: what is in doubt, what is believed, which keys are dead.
import { describe, expect, test } from 'vitest'
import { aBatch } from './one-batch.ts'

const hour = 3_600_000

describe('sendBatch after an earlier attempt', () => {
  test('takes a request without a record as in doubt when an attempt died before it', async () => {
    const batch = aBatch({ sizes: [2, 2] })
    // The first attempt reached LINE with everything, and died before any merge.
    batch.ledger.isAway = true
    await expect(batch.run()).rejects.toThrow('away')
    batch.ledger.isAway = false
    expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 4 })
    expect([...batch.line.received.values()].every((times) => times === 1)).toBe(true)
  })

  test('goes on under a new key where the old one was never accepted within 23 hours', async () => {
    let isQuotaOut = true
    const batch = aBatch({
      sizes: [2],
      script: () =>
        isQuotaOut ? { kind: 'quota-reached', reason: 'used up', lineRequestId: null } : 'ok',
    })
    await batch.run()
    isQuotaOut = false
    batch.ledger.gate = { position: 'open', seq: 9 }
    batch.clock.offsetMs = 30 * hour
    await batch.run()
    expect(batch.outcomes()).toEqual({ accepted: 2 })
    expect(new Set(batch.line.calls.map((call) => call.retryKey)).size).toBe(2)
  })

  test('calls nobody again whose call was in doubt 23 hours ago', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.ledger.isAway = true
    await expect(batch.run()).rejects.toThrow('away')
    batch.ledger.isAway = false
    batch.clock.offsetMs = 24 * hour
    await batch.run(1)
    expect(batch.outcomes()).toEqual({ unknown: 2 })
    expect(batch.line.calls).toHaveLength(1)
  })

  test('does not believe "not accepted" of an attempt that died after it called again', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.ledger.gate = { position: 'paused', seq: 1 }
    await batch.run()
    batch.ledger.gate = { position: 'open', seq: 2 }
    batch.ledger.isAway = true
    await expect(batch.run()).rejects.toThrow('away')
    batch.ledger.isAway = false
    batch.clock.offsetMs = 24 * hour
    await batch.run(1)
    // A new generation would reach these two a second time.
    expect(batch.outcomes()).toEqual({ unknown: 2 })
    expect([...batch.line.received.values()]).toEqual([1, 1])
  })

  test('a crash a day after the first attempt leaves nobody unknown whom no call ever named', async () => {
    const batch = aBatch({ sizes: [2, 2] })
    batch.ledger.gate = { position: 'paused', seq: 1 }
    await batch.run()
    batch.clock.offsetMs = 24 * hour
    batch.ledger.gate = { position: 'open', seq: 2 }
    // The second attempt begins, and dies before its first call.
    batch.ledger.permits.push({ answer: 'superseded' })
    batch.ledger.isAway = true
    await expect(batch.run()).rejects.toThrow('away')
    batch.ledger.isAway = false
    await batch.run()
    expect(batch.outcomes()).toEqual({ accepted: 4 })
  })

  test('leaves what is in doubt alone while calls of an earlier attempt can be on the wire', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.ledger.isAway = true
    await expect(batch.run()).rejects.toThrow('away')
    batch.ledger.isAway = false
    batch.ledger.earlierCallsEndInMs = 400
    let waitedMs = 0
    const startedAt = performance.now()
    const { takePermit } = batch.ledger
    batch.ledger.takePermit = (...asked) => {
      waitedMs = performance.now() - startedAt
      return takePermit(...asked)
    }
    expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 2 })
    expect(waitedMs).toBeGreaterThan(390)
  })
})
