// What is said of a delivery, and when it is said to be stuck.
import { describe, expect, test } from 'vitest'
import { findingsOf, isSilent, stuckSince } from '../../domain/findings.ts'
import { standingOf, type StandingFacts } from '../../domain/standing.ts'

/** Noon in Tokyo, and so many minutes after. */
const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 3, minutes))
const patienceMs = 5 * 60_000
const push = {
  lane: 'push' as const,
  left: 59_000,
  rate: 2_000,
  pace: 1_960,
  slowedAt: null,
  setAt: at(-900),
}

const sending = (facts: Partial<StandingFacts> = {}): StandingFacts => ({
  now: at(10),
  timeZone: 'Asia/Tokyo',
  phase: 'sending',
  phaseAt: at(0),
  endedAt: null,
  interruptedAt: null,
  gate: { position: 'open', seq: 0 },
  gateAt: null,
  planned: 100_000,
  accepted: 41_000,
  done: 41_000,
  lastOutcomeAt: at(10),
  lastNewsAt: at(10),
  lanes: [push],
  round: null,
  unanswered: null,
  alerts: [],
  ...facts,
})

const paused = (by: string) => ({
  gate: { position: 'paused' as const, seq: 3, by, why: 'checking the link' },
  gateAt: at(2),
})

describe('what is said of a delivery', () => {
  test('that sends names how far it is and how fast', () => {
    expect(standingOf(sending())).toEqual({
      what: 'sending: 41,000 of 100,000 accepted; push at most 1,960 calls/s',
      waitsFor: null,
      since: at(0),
    })
  })

  test('between two rounds names the round, its time on the campaign’s clock, and LINE’s reason', () => {
    const facts = sending({
      accepted: 99_990,
      done: 99_997,
      lanes: [{ ...push, left: 3 }],
      round: { no: 2, at: at(65), lastBeganAt: at(1) },
      lastOutcomeAt: at(5),
      unanswered: 'LINE answered 500.',
    })
    expect(standingOf(facts)).toEqual({
      what: 'sending: 99,990 of 100,000 accepted, 7 with another outcome; push at most 1,960 calls/s',
      waitsFor: 'round 2 at 13:05 Asia/Tokyo (3 recipients without an outcome: LINE answered 500.)',
      since: at(5),
    })
  })

  test('names the day where it is another one', () => {
    const round = { no: 9, at: at(13 * 60), lastBeganAt: at(1) }
    expect(standingOf(sending({ round })).waitsFor).toContain('round 9 at 25 Nov 01:00 Asia/Tokyo')
  })

  test('that a person has paused names who, why and since when', () => {
    expect(standingOf(sending(paused('Mia')))).toEqual({
      what: 'paused by Mia since 12:02 Asia/Tokyo: checking the link (sending: 41,000 of 100,000 accepted; push at most 1,960 calls/s)',
      waitsFor: 'an operator, to resume or cancel it',
      since: at(2),
    })
  })

  test('whose lanes are stopped names the rate', () => {
    const lanes = [{ ...push, rate: 0, pace: 0, setAt: at(4) }]
    expect(standingOf(sending({ lanes }))).toMatchObject({
      waitsFor: 'a rate: push has rate 0',
      since: at(4),
    })
  })

  test('slowed by LINE names the rates', () => {
    const lanes = [{ ...push, pace: 800, slowedAt: at(7) }]
    expect(standingOf(sending({ lanes }))).toMatchObject({
      waitsFor: "LINE's rate: other senders use this channel (push at 800 of 2,000 calls/s)",
      since: at(7),
    })
  })

  test('that gets no answers names LINE’s reason', () => {
    const facts = sending({ lastOutcomeAt: at(8), unanswered: 'LINE answered 503.' })
    expect(standingOf(facts)).toMatchObject({
      waitsFor: 'LINE, which accepts nothing: LINE answered 503.',
      since: at(8),
    })
  })

  test('whose activities fail names what they fail with, before a slowed rate', () => {
    const failure = 'sendBatch, which fails: a file of the plan is gone'
    const facts = sending({
      lastOutcomeAt: at(9),
      lanes: [{ ...push, pace: 800, slowedAt: at(7) }],
    })
    expect(standingOf(facts, [failure])).toMatchObject({ waitsFor: failure, since: at(9) })
    const freezing = sending({ phase: 'freezing', lastOutcomeAt: null, lanes: [] })
    expect(standingOf(freezing, [failure])).toMatchObject({ waitsFor: failure, since: at(0) })
  })

  test('that sends without an outcome never waits for nothing', () => {
    const facts = sending({ lastOutcomeAt: at(9) })
    expect(standingOf(facts)).toMatchObject({
      waitsFor: 'an outcome; nothing is known to be in its way',
      since: at(9),
    })
    expect(standingOf({ ...facts, lanes: [] }).waitsFor).toBeNull()
    const round = { no: 2, at: at(10), lastBeganAt: at(1) }
    expect(standingOf({ ...facts, round }).waitsFor).toBeNull()
  })

  test('that nobody serves names the queue, whatever else it might wait for', () => {
    const alert = {
      kind: 'unserved' as const,
      detail: 'a worker: nobody serves line/165/push',
      since: at(8),
    }
    const facts = sending({
      lastOutcomeAt: at(8),
      unanswered: 'LINE answered 503.',
      alerts: [alert],
    })
    expect(standingOf(facts)).toMatchObject({ waitsFor: alert.detail, since: at(8) })
  })

  test('whose workflow is gone names the command that recovers it', () => {
    const facts = sending({ interruptedAt: at(3) })
    expect(standingOf(facts)).toMatchObject({
      waitsFor: expect.stringContaining('lfm delivery recover') as string,
      since: at(3),
    })
  })

  test('that is over is its end', () => {
    const facts = sending({ phase: 'done', endedAt: at(9), ...paused('Mia') })
    expect(standingOf(facts)).toEqual({ what: 'done', waitsFor: null, since: at(9) })
  })
})

describe('a delivery is stuck', () => {
  const long = { now: at(60), lastOutcomeAt: at(10) }
  const later = { no: 3, at: at(70), lastBeganAt: at(40) }
  const few = { done: 99_990, lanes: [{ ...push, left: 10 }] }

  test.each<[string, Partial<StandingFacts>, Date | undefined]>([
    ['since its last outcome', long, at(10)],
    ['since the last order where that was later', { ...long, gateAt: at(20) }, at(20)],
    ['since its rate was changed', { ...long, lanes: [{ ...push, setAt: at(30) }] }, at(30)],
    [
      'since its phase began, where nobody has an outcome',
      { now: at(60), phase: 'freezing', lastOutcomeAt: null },
      at(0),
    ],
    [
      'in closing, though the gate is not open',
      { ...long, gate: { position: 'cancelled', seq: 1 } },
      at(10),
    ],
    ['not while it is paused', { ...long, ...paused('Mia') }, undefined],
    [
      'not while a person has stopped it by the rate',
      { ...long, lanes: [{ ...push, rate: 0 }] },
      undefined,
    ],
    [
      'though one lane alone was stopped',
      { ...long, lanes: [push, { ...push, lane: 'multicast', rate: 0 }] },
      at(10),
    ],
    [
      'not while it waits for a round that is there for a few',
      { ...long, ...few, round: later },
      undefined,
    ],
    [
      'between rounds, where the last one gave many people nothing',
      { ...long, round: later },
      at(10),
    ],
    [
      'not between rounds, where the last one gave somebody an outcome',
      { ...long, round: { ...later, lastBeganAt: at(9) } },
      undefined,
    ],
    [
      'since the round began that is there for a few',
      { ...long, ...few, round: { ...later, at: at(50) } },
      at(50),
    ],
    [
      'between rounds that are there for a few, where nobody had an outcome for 23 hours',
      {
        ...long,
        ...few,
        now: at(24 * 60),
        round: { no: 9, at: at(25 * 60), lastBeganAt: at(1_400) },
      },
      at(10),
    ],
    ['not when it has ended', { ...long, phase: 'done' }, undefined],
  ])('%s', (_, facts, since) => {
    expect(stuckSince(sending(facts))).toEqual(since)
  })
})

test('a delivery is silent after 15 s without the progress that it should make', () => {
  expect(isSilent(sending({ lastOutcomeAt: at(10) }))).toBe(false)
  expect(isSilent(sending({ lastOutcomeAt: at(9) }))).toBe(true)
  expect(isSilent(sending({ lastOutcomeAt: at(9), ...paused('Mia') }))).toBe(false)
  expect(isSilent(sending({ lastOutcomeAt: at(9), interruptedAt: at(8) }))).toBe(false)
})

describe('what is found wrong', () => {
  const there = { kind: 'there' as const, unservedQueues: [], failures: [] }

  test('is nothing within the patience, and a stall named by its reason after it', () => {
    const facts = sending({ now: at(15), lastOutcomeAt: at(10), unanswered: 'LINE answered 503.' })
    expect(findingsOf(facts, there, patienceMs)).toEqual([])
    expect(findingsOf({ ...facts, now: at(16) }, there, patienceMs)).toEqual([
      { kind: 'stalled', detail: 'LINE, which accepts nothing: LINE answered 503.', since: at(10) },
    ])
  })

  test('is named by what activities fail with, where the ledger has no reason', () => {
    const failures = ['sendBatch, which fails: a file of the plan is gone']
    const facts = sending({ now: at(16), lastOutcomeAt: at(10) })
    expect(findingsOf(facts, { ...there, failures }, patienceMs)).toMatchObject([
      { kind: 'stalled', detail: failures[0] },
    ])
  })

  test('is a pause by LFM at once, and no pause by a person', () => {
    expect(findingsOf(sending(paused('LFM')), null, patienceMs)).toMatchObject([
      { kind: 'paused-by-lfm', since: at(2) },
    ])
    expect(findingsOf(sending(paused('Mia')), null, patienceMs)).toEqual([])
  })

  test('is a missing worker or Temporal at once, and then no stall besides', () => {
    const facts = sending({ now: at(60) })
    const unserved = { ...there, unservedQueues: ['delivery', 'line/165/push'] }
    expect(findingsOf(facts, unserved, patienceMs)).toMatchObject([
      { kind: 'unserved', detail: 'a worker: nobody serves delivery and line/165/push' },
    ])
    expect(findingsOf(facts, { kind: 'away', since: at(59) }, patienceMs)).toMatchObject([
      { kind: 'temporal-away', since: at(59) },
    ])
  })

  test('is the missing workflow alone, where there is none', () => {
    const facts = sending({ now: at(60), interruptedAt: at(20), ...paused('LFM') })
    expect(findingsOf(facts, null, patienceMs)).toMatchObject([
      { kind: 'interrupted', since: at(20) },
    ])
  })
})
