// Deliveries: made once, moved through the gate by rule, ended once.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gate } from '../../domain/delivery.ts'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const facts = { by: 'Mio', why: 'a wrong price' }
const at = new Date('2026-11-01T00:00:00Z')

test('starts of one occurrence that meet make one delivery', async () => {
  const { campaign } = await opened.campaign()
  const { deliveries } = opened.store
  const order = { campaignId: campaign.id, occurrence: 'once', at }
  const started = await Promise.all(
    Array.from({ length: 16 }, (_, i) => deliveries.start({ ...order, by: `caller ${i}` })),
  )
  expect(new Set(started.map((answer) => answer?.delivery.id)).size).toBe(1)
  const made = started.filter((answer) => answer?.isNew)
  expect(made).toHaveLength(1)
  expect(await deliveries.list({ campaignId: campaign.id, limit: 100 })).toHaveLength(1)
  const events = await deliveries.events(made[0]?.delivery.id ?? '')
  expect(events).toMatchObject([{ kind: 'started', by: made[0]?.delivery.startedBy }])
})

test('another occurrence is another delivery, and a campaign that is not there has none', async () => {
  const { campaign } = await opened.campaign()
  const { deliveries } = opened.store
  const start = (campaignId: string, occurrence: string) =>
    deliveries.start({ campaignId, occurrence, by: 'Mio', at })
  const once = await start(campaign.id, 'once')
  const again = await start(campaign.id, 'again/1')
  expect(again?.isNew).toBe(true)
  expect(again?.delivery.id).not.toBe(once?.delivery.id)
  expect(await start(crypto.randomUUID(), 'once')).toBeUndefined()
})

test('a delivery keeps the content and the SQL that it began with', async () => {
  const { store } = opened
  const { campaign } = await opened.campaign()
  const order = { campaignId: campaign.id, occurrence: 'once', by: 'Mio', at }
  const begun = await store.deliveries.start(order)
  const input = { name: 'Test', notificationDisabled: false, variables: [] }
  const messages = [{ type: 'text', text: 'another' }]
  expect(await store.contents.revise(campaign.contentId, { ...input, messages })).toMatchObject({
    version: 2,
  })
  await store.segments.update(campaign.segmentId, {
    name: 'Test',
    dialect: 'duckdb',
    sql: 'select 2',
  })
  const kept = await store.deliveries.find(begun?.delivery.id ?? '')
  expect(kept).toMatchObject({ contentVersion: 1, segmentSql: 'select 1', renderedAsOf: at })
  const first = await store.contents.find(campaign.contentId, 1)
  expect(first?.messages).toEqual([{ type: 'text', text: 'Hello' }])
  const next = await store.deliveries.start({ ...order, occurrence: 'again/1' })
  expect(next?.delivery).toMatchObject({ contentVersion: 2, segmentSql: 'select 2' })
})

type Step = Gate['position'] | 'end'

test('the gate moves by rule: cancelled never opens again, and what has ended never moves', async () => {
  const { deliveries } = opened.store
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom<Step>('open', 'paused', 'open', 'paused', 'cancelled', 'end'), {
        maxLength: 8,
      }),
      async (steps) => {
        const { id } = await opened.delivery()
        let expected = { position: 'open' as Gate['position'], seq: 0, hasEnded: false }
        const kinds: string[] = ['started']
        for (const step of steps) {
          if (step === 'end') {
            await deliveries.end(id, 'done', { account: null })
            if (!expected.hasEnded) kinds.push('done')
            expected = { ...expected, hasEnded: true }
            continue
          }
          const mayMove =
            !expected.hasEnded && expected.position !== 'cancelled' && expected.position !== step
          if (mayMove) {
            expected = { ...expected, position: step, seq: expected.seq + 1 }
            kinds.push({ open: 'resumed', paused: 'paused', cancelled: 'cancelled' }[step])
          }
          const moved = await deliveries.moveGate(id, step, facts)
          expect(moved?.isMoved).toBe(mayMove)
          expect(moved?.delivery.gate).toMatchObject({
            position: expected.position,
            seq: expected.seq,
          })
        }
        expect((await deliveries.events(id)).map(({ kind }) => kind)).toEqual(kinds)
      },
    ),
    { numRuns: 40 },
  )
})

test('moves of the gate that meet are counted one by one', async () => {
  const { id } = await opened.delivery()
  const { deliveries } = opened.store
  const moved = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      deliveries.moveGate(id, i % 2 === 0 ? 'paused' : 'open', facts),
    ),
  )
  const moves = moved.filter((answer) => answer?.isMoved)
  expect((await deliveries.find(id))?.gate.seq).toBe(moves.length)
  const seqs = moves.map((answer) => answer?.delivery.gate.seq ?? 0)
  expect(seqs.toSorted((a, b) => a - b)).toEqual(moves.map((_, i) => i + 1))
})

test('a gate that is nowhere moves nothing', async () => {
  expect(
    await opened.store.deliveries.moveGate(crypto.randomUUID(), 'paused', facts),
  ).toBeUndefined()
})

test('a delivery ends once, keeps its end and its account, and is open no more', async () => {
  const { id } = await opened.delivery()
  const { deliveries } = opened.store
  const account = { planned: 3, accepted: 2, rejected: 1, unknown: 0, skipped: 0, unsent: 0 }
  await deliveries.setPhase(id, 'sending')
  await deliveries.end(id, 'done with failures', { account })
  await deliveries.end(id, 'done', { account: null, reason: 'too late' })
  await deliveries.setPhase(id, 'freezing')
  await deliveries.setInterrupted(id, true)
  expect(await deliveries.find(id)).toMatchObject({
    state: 'done with failures',
    stateReason: null,
    account,
  })
  const open = await deliveries.listOpen()
  expect(open.map((delivery) => delivery.id)).not.toContain(id)
})

test('a delivery without a workflow is shown as interrupted until it has one again', async () => {
  const { id } = await opened.delivery()
  const { deliveries } = opened.store
  await deliveries.setPhase(id, 'sending')
  await deliveries.setInterrupted(id, true)
  await deliveries.setInterrupted(id, true)
  expect((await deliveries.find(id))?.state).toBe('interrupted')
  await deliveries.setInterrupted(id, false)
  expect((await deliveries.find(id))?.state).toBe('sending')
  const kinds = (await deliveries.events(id)).map(({ kind }) => kind)
  expect(kinds).toEqual(['started', 'interrupted', 'going on'])
})

test('an order to resume that is older than the last pause opens nothing', async () => {
  const { id } = await opened.delivery()
  const { deliveries } = opened.store
  const facts = { by: 'Mio', why: 'a wrong price' }
  const paused = await deliveries.moveGate(id, 'paused', { ...facts, isRaised: true })
  const seen = paused?.delivery.gate.seq
  // Paused again, by somebody who saw it paused already: what is answered now must hold.
  const again = await deliveries.moveGate(id, 'paused', { ...facts, by: 'Ken', isRaised: true })
  expect(again).toMatchObject({ isMoved: false, delivery: { gate: { by: 'Mio' } } })
  const late = await deliveries.moveGate(id, 'open', { ...facts, ifSeq: seen ?? -1 })
  expect(late?.delivery.gate.position).toBe('paused')
  const now = again?.delivery.gate.seq
  const opens = await deliveries.moveGate(id, 'open', { ...facts, ifSeq: now ?? -1 })
  expect(opens?.delivery.gate.position).toBe('open')
})
