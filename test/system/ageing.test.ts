// Growing older: every instant that is recorded moves, and nothing else does.
import { expect, onTestFinished, test } from 'vitest'
import { agePast } from '../../bench/ageing.ts'
import { type LedgerRecord } from '../../domain/ledger.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import { beginAttempt, openStore } from '../store/open-store.ts'

const hours = 30
const ms = hours * 3_600_000

test('what is recorded is 30 hours older, and so is LINE; what a person wrote stays', async () => {
  await using opened = await openStore()
  const simulator = createSimulator()
  const { port } = await simulator.listen(0, '127.0.0.1')
  onTestFinished(() => simulator.close())
  const { store, databaseUrl } = opened
  const { id, channel } = await opened.delivery()
  const { batch } = await beginAttempt(store, id)
  const permit = { ...batch, lineChannelId: channel.lineChannelId }
  const times = { deadlineMs: 10_000, longestWaitMs: 500, lifetimeMs: 1_000 }
  await store.ledger.takePermit(permit, { calls: 1, belowRequest: 1 }, times)
  const at = '2026-11-20T12:00:00.123Z'
  const record: LedgerRecord = {
    state: 'in-doubt',
    recipients: 500,
    fromOrdinal: 0,
    toOrdinal: 500,
    round: 0,
    generation: 0,
    at,
    firstCallAt: at,
    reason: `No answer since ${at}.`,
  }
  await store.ledger.merge(batch, { 0: record, '1/0-250': record })
  const written = [{ type: 'text', text: at }]
  await opened.query(`update content_version set messages = $1`, [JSON.stringify(written)])
  const instants = `select d.created_at, d.rendered_as_of, d.gate_at, e.at, b.first_call_at,
      a.calls_end_by, l.spent_until, v.messages
    from delivery d join delivery_event e on e.delivery_id = d.id join batch b on b.delivery_id = d.id
      join batch_attempt a on a.delivery_id = d.id join lane_clock l on l.lane = a.lane
      join content_version v on v.content_id = d.content_id`
  const [before = {}] = await opened.query(instants)

  await agePast({ databaseUrl, lineUrl: `http://127.0.0.1:${port}`, hours })
  const [after = {}] = await opened.query(instants)
  const older = (name: string) => new Date(Number(before[name]) - ms)
  expect(after).toEqual({
    created_at: older('created_at'),
    rendered_as_of: before.rendered_as_of,
    gate_at: null,
    at: older('at'),
    first_call_at: older('first_call_at'),
    calls_end_by: older('calls_end_by'),
    spent_until: older('spent_until'),
    messages: written,
  })
  const moved = {
    ...record,
    at: '2026-11-19T06:00:00.123Z',
    firstCallAt: '2026-11-19T06:00:00.123Z',
  }
  const [aged] = await store.ledger.batches(id, 'multicast', [0])
  expect(aged?.records).toEqual({ 0: moved, '1/0-250': moved })
  const again = await beginAttempt(store, id)
  expect(again.attemptAgesMs[0]).toBeGreaterThanOrEqual(ms)

  const clock = await fetch(`http://127.0.0.1:${port}/_sim/clock`, {
    method: 'POST',
    body: '{"advanceMs":0}',
  })
  const { now } = (await clock.json()) as { now: string }
  expect(Date.parse(now)).toBeGreaterThan(Date.now() + ms - 60_000)
})
