import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { isFinal } from '../../domain/ledger.ts'
import { type LineAnswer } from '../../line/port.ts'
import { PersonNeeded } from '../../warehouse/port.ts'
import { aBatch } from './one-batch.ts'

describe('sendBatch', () => {
  test('pauses with what to do where its plan is gone, and calls nobody', async () => {
    const read = () => Promise.reject(new PersonNeeded('plan-gone', 'Bring it back.'))
    const batch = aBatch({ sizes: [3], read })
    expect(await batch.run()).toMatchObject({ kind: 'held', gate: { position: 'paused' } })
    expect(batch.pauses).toEqual(['Bring it back.'])
    expect(batch.line.calls).toEqual([])
    expect(batch.ledger.attempts).toBe(0)
  })

  test('sends every request once and records what LINE answered', async () => {
    const batch = aBatch({ sizes: [3, 2, 1] })
    expect(await batch.run()).toEqual({
      kind: 'finished',
      finalRecipients: 6,
      unresolvedRequests: 0,
    })
    expect(batch.outcomes()).toEqual({ accepted: 6 })
    expect(batch.line.calls).toHaveLength(3)
  })

  test('calls nobody again when it is run again', async () => {
    const batch = aBatch({ sizes: [3, 2] })
    await batch.run()
    expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 5 })
    expect(batch.line.calls).toHaveLength(2)
  })

  test('asks again with the same key after a lost reply, and takes 409 for accepted', async () => {
    const batch = aBatch({ sizes: [4], script: (_call, n) => (n === 1 ? 'lost' : 'ok') })
    expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 4 })
    expect(new Set(batch.line.calls.map((call) => call.retryKey)).size).toBe(1)
    expect([...batch.line.received.values()]).toEqual([1, 1, 1, 1])
  })

  test('starts no call while the gate is not open, and says so', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.ledger.gate = { position: 'paused', seq: 7 }
    expect(await batch.run()).toEqual({ kind: 'held', gate: { position: 'paused', seq: 7 } })
    expect(batch.line.calls).toHaveLength(0)
    expect(batch.outcomes()).toEqual({ 'not-accepted': 2 })
  })

  test('starts no call in a worker that is asked to stop', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.draining.abort()
    expect(await batch.run()).toEqual({ kind: 'again' })
    expect(batch.line.calls).toHaveLength(0)
  })

  test('starts no call where a later attempt has begun', async () => {
    const batch = aBatch({ sizes: [2] })
    batch.ledger.permits.push({ answer: 'superseded' })
    expect(await batch.run()).toEqual({ kind: 'again' })
    expect(batch.line.calls).toHaveLength(0)
  })

  test('stops the delivery when a later attempt would render other bodies', async () => {
    const batch = aBatch({ sizes: [2] })
    await batch.run()
    batch.renderOtherwise({ render: () => ({ ok: true, messagesJson: '[]' }) })
    expect(await batch.run()).toMatchObject({ kind: 'held' })
    expect(batch.pauses).toEqual(['other bodies'])
    expect(batch.line.calls).toHaveLength(1)
  })

  test('skips a row that breaks the template, and sends the others', async () => {
    const rows = ['bad', 'good']
    const batch = aBatch({
      sizes: [1, 1],
      template: {
        render: () =>
          rows.shift() === 'bad'
            ? { ok: false, reason: 'no name' }
            : { ok: true, messagesJson: '[]' },
      },
    })
    await batch.run()
    expect(batch.outcomes()).toEqual({ skipped: 1, accepted: 1 })
  })

  test('rejects the one recipient that LINE names and reaches all others once', async () => {
    const refused = 'U0-3'
    const batch = aBatch({
      sizes: [8],
      script: ({ to }) =>
        to.includes(refused)
          ? {
              kind: 'recipient-refused',
              index: to.indexOf(refused),
              reason: 'no',
              lineRequestId: 'r',
            }
          : 'ok',
    })
    await batch.run()
    expect(batch.outcomes()).toEqual({ rejected: 1, accepted: 7 })
    expect(batch.line.received.has(refused)).toBe(false)
    expect([...batch.line.received.values()].every((times) => times === 1)).toBe(true)
  })

  test('finds by halves whom LINE refuses without a name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(19), { maxLength: 6 }), async (bad) => {
        const refused = new Set(bad.map((i) => `U0-${i}`))
        const batch = aBatch({
          sizes: [20],
          script: ({ to }) =>
            to.some((userId) => refused.has(userId))
              ? { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null }
              : 'ok',
        })
        await batch.run()
        expect(batch.outcomes().rejected ?? 0).toBe(refused.size)
        expect(batch.outcomes().accepted ?? 0).toBe(20 - refused.size)
        expect([...batch.line.received.values()].every((times) => times === 1)).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  test('pauses the delivery after one call when LINE refuses the content', async () => {
    const batch = aBatch({
      sizes: [5],
      script: () => ({ kind: 'content-refused', reason: 'too long', lineRequestId: null }),
    })
    expect(await batch.run()).toMatchObject({ kind: 'held' })
    expect(batch.pauses).toEqual(['LINE refuses the content: too long'])
    expect(batch.line.calls).toHaveLength(1)
    expect(batch.outcomes()).toEqual({ 'not-accepted': 5 })
  })

  test('a merge that fails puts nothing older over what LINE has said since', async () => {
    let isThrottled = true
    const batch = aBatch({
      sizes: [2],
      script: () => {
        if (!isThrottled) return 'ok'
        isThrottled = false
        return { kind: 'throttled', reason: '429', lineRequestId: null }
      },
    })
    const { merge } = batch.ledger
    let isFirst = true
    // The merge of the 429 hangs until the same key has been accepted, and fails then.
    batch.ledger.merge = async (key, changes) => {
      if (!isFirst) return merge(key, changes)
      isFirst = false
      await vi.waitFor(() => expect(batch.line.calls).toHaveLength(2), { timeout: 20_000 })
      throw new Error('The store failed over.')
    }
    await expect(batch.run()).rejects.toThrow('failed over')
    expect(batch.outcomes()).toEqual({ accepted: 2 })
  })

  test('starts no call more than a second after the start of its permit', async () => {
    const batch = aBatch({ sizes: [1, 1, 1, 1, 1] })
    // Five calls at two a second would take two seconds; a permit lives for one.
    batch.ledger.permits.push({
      answer: 'granted',
      calls: 5,
      startInMs: 0,
      callsPerSecond: 2,
      gateSeq: 0,
      lowerings: 0,
    })
    const { takePermit } = batch.ledger
    const callsWhenAsked: number[] = []
    batch.ledger.takePermit = (...asked) => {
      callsWhenAsked.push(batch.line.calls.length)
      return takePermit(...asked)
    }
    expect(await batch.run()).toMatchObject({ kind: 'finished', finalRecipients: 5 })
    expect(callsWhenAsked[1]).toBeLessThanOrEqual(3)
    expect(batch.line.calls).toHaveLength(5)
  })

  test('splits only after a second refusal since the last doubt', async () => {
    const answers: (LineAnswer | 'ok')[] = [
      { kind: 'in-doubt', reason: '500', lineRequestId: null },
      { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null },
      { kind: 'in-doubt', reason: '500', lineRequestId: null },
      { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null },
    ]
    const batch = aBatch({ sizes: [4], script: () => answers.shift() ?? 'ok' })
    await batch.run()
    expect(Object.keys(batch.ledger.records)).toEqual(['0'])
    expect([...batch.line.received.values()]).toEqual([1, 1, 1, 1])
  })

  test('a permit that was given before a split was on record calls no part of it', async () => {
    const batch = aBatch({
      sizes: [4, 1],
      script: ({ to }) =>
        to.length === 4
          ? { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null }
          : 'ok',
    })
    batch.ledger.permits.push({
      answer: 'granted',
      calls: 1,
      startInMs: 0,
      callsPerSecond: 100,
      gateSeq: 0,
      lowerings: 0,
    })
    const { takePermit, merge } = batch.ledger
    const splitMerged = Promise.withResolvers<void>()
    batch.ledger.merge = async (...merged) => {
      await merge(...merged)
      splitMerged.resolve()
    }
    let permits = 0
    batch.ledger.takePermit = async (...asked) => {
      permits += 1
      if (permits !== 2) return takePermit(...asked)
      // Given, but heard of only when a successor has begun and the split of this attempt no longer counts.
      const permit = await takePermit(...asked)
      batch.ledger.attempts += 1
      await splitMerged.promise
      await new Promise((resolve) => setTimeout(resolve, 20))
      return permit
    }
    expect(await batch.run()).toEqual({ kind: 'again' })
    expect(batch.line.calls.map(({ to }) => to.length)).toEqual([4, 1])
  })

  test('a call that no connection was free for in time is no try', async () => {
    let calls = 0
    const batch = aBatch({
      sizes: [1],
      script: () => (++calls < 9 ? { kind: 'not-started', reason: 'busy' } : 'ok'),
    })
    expect(await batch.run()).toMatchObject({ kind: 'finished', unresolvedRequests: 0 })
    expect(batch.ledger.records['0']?.calls).toBe(1)
  })

  test('reaches nobody twice and loses nobody, whatever is lost and however often it dies', async () => {
    const step = fc.record({
      dies: fc.boolean(),
      answers: fc.array(fc.constantFrom('ok', 'lost', 'throttled', 'not-connected'), {
        maxLength: 6,
      }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 4 }), async (steps) => {
        let answers: string[] = []
        const batch = aBatch({
          sizes: [3, 1, 2],
          script: () => {
            const next = answers.shift() ?? 'ok'
            if (next === 'ok' || next === 'lost') return next
            if (next === 'throttled')
              return { kind: 'throttled', reason: '429', lineRequestId: null }
            return { kind: 'not-connected', reason: 'refused' }
          },
        })
        for (const [round, { dies, answers: told }] of steps.entries()) {
          answers = [...told]
          batch.ledger.isAway = dies
          await batch.run(round).catch(() => undefined)
        }
        batch.ledger.isAway = false
        answers = []
        await batch.run(steps.length)
        expect(batch.outcomes()).toEqual({ accepted: 6 })
        expect([...batch.line.received.values()]).toEqual([1, 1, 1, 1, 1, 1])
        expect(Object.values(batch.ledger.records).every(isFinal)).toBe(true)
      }),
      { numRuns: 8 },
    )
  })
})
