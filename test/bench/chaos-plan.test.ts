// The draw of a chaos run: a seed alone repeats it, and seeds together leave no kind of fault out.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectedOf, friendId, segmentSql } from '../../bench/chaos/audience.ts'
import { kinds } from '../../bench/chaos/catalog.ts'
import { drawPlan } from '../../bench/chaos/plan.ts'
import { shownPlan } from '../../bench/chaos/run.ts'
import { parseSeeds } from '../../bench/chaos/seeds.ts'

const options = { recipients: 60_000, kills: 5, scale: 1 }
const seeds = Array.from({ length: 200 }, (_, i) => i + 1)
const plans = seeds.map((seed) => drawPlan(seed, options))

test('the same seed draws the same plan, and another seed another one', () => {
  for (const [i, seed] of seeds.entries())
    expect(shownPlan(drawPlan(seed, options))).toEqual(shownPlan(plans[i] ?? drawPlan(0, options)))
  expect(new Set(plans.map((plan) => JSON.stringify(shownPlan(plan)))).size).toBe(seeds.length)
})

test('200 seeds draw every kind of fault many times', () => {
  const drawn = new Map<string, number>()
  for (const { faults } of plans)
    for (const { kind } of faults) drawn.set(kind, (drawn.get(kind) ?? 0) + 1)
  expect([...drawn.keys()].toSorted()).toEqual(kinds.map(({ name }) => name).toSorted())
  expect([...drawn].filter(([, times]) => times < 5)).toEqual([])
  const cancelled = plans.filter(({ faults }) => faults.some(({ kind }) => kind === 'cancel'))
  expect(cancelled.length).toBeLessThan(50)
  for (const { faults } of cancelled) expect(faults.at(-1)?.kind).toBe('cancel')
})

test('a plan has the kills that were asked for, and 4 to 8 other faults, none of which excludes another', () => {
  const kindOf = new Map(kinds.map((kind) => [kind.name, kind]))
  for (const { faults } of plans) {
    const names = faults.map(({ kind }) => kind)
    const kills = names.filter((name) => kindOf.get(name)?.isKill)
    expect(kills).toHaveLength(options.kills)
    const others = names.filter((name) => !kindOf.get(name)?.isKill)
    expect(others.length).toBeGreaterThanOrEqual(4)
    expect(others.length).toBeLessThanOrEqual(8)
    expect(new Set(others).size).toBe(others.length)
    for (const name of others)
      for (const excluded of kindOf.get(name)?.excludes ?? []) expect(names).not.toContain(excluded)
  }
})

test('faults of the sending phase are spread over it', () => {
  for (const { faults } of plans)
    for (const { at } of faults)
      if (at !== 'own') {
        expect(at).toBeGreaterThan(0)
        expect(at).toBeLessThanOrEqual(0.8)
      }
})

test('no friend is taken by two faults, so that what is expected of each is exact', () => {
  for (const plan of plans) {
    const taken = plan.faults.flatMap(({ effects: { rejected, skipped, acceptedUnseen } }) => [
      ...(rejected ?? []),
      ...(skipped ?? []),
      ...(acceptedUnseen ?? []),
    ])
    expect(new Set(taken).size).toBe(taken.length)
    expect(taken.every((n) => n >= 0 && n < plan.recipients)).toBe(true)
  }
})

test('a kind is drawn only from those that were named, and an unknown name is refused', () => {
  const { faults } = drawPlan(7, { ...options, kinds: ['worker-kill', 'line-503'] })
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['worker-kill', 'line-503']))
  expect(() => drawPlan(7, { ...options, kinds: ['rain'] })).toThrow(/no kind of fault called rain/)
})

test('any seed and size draw a plan whose rates are calls that LINE would take', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1_000, max: 200_000 }),
      fc.nat({ max: 12 }),
      fc.constantFrom(1, 0.05),
      (seed, recipients, kills, scale) => {
        const plan = drawPlan(seed, { recipients, kills, scale })
        expect(plan.callsPerSecond.multicast).toBeGreaterThan(0)
        expect(plan.callsPerSecond.multicast).toBeLessThanOrEqual(200)
        expect(plan.callsPerSecond.push).toBeLessThanOrEqual(2_000)
        expect(plan.pushes).toBeLessThan(recipients)
      },
    ),
  )
})

test('what is foreseen of a fault that came to pass is added to what the plan foresees', () => {
  const plan = drawPlan(1, { ...options, kinds: ['worker-kill'] })
  expect(expectedOf(plan, []).unknown).toEqual({ from: 0, to: 0, because: [] })
  const met = [{ from: 2, to: 9, because: 'a power cut' }]
  expect(expectedOf(plan, met).unknown).toEqual({ from: 2, to: 9, because: ['a power cut'] })
})

test('ids are those of the sample warehouse, and rows are spoilt by number', () => {
  expect(friendId(1, 7)).toBe('U57b1eb42f8760723d31ce1fa8b0f4d93')
  const plan = drawPlan(1, { ...options, kinds: ['rows-broken'] })
  const [fault] = plan.faults
  expect(segmentSql(plan)).toContain(`i IN (${(fault?.effects.skipped ?? []).join(', ')})`)
})

test('seeds are given as ranges and numbers', () => {
  expect(parseSeeds('3-5,9,4')).toEqual([3, 4, 5, 9])
  expect(() => parseSeeds('three')).toThrow(/1-60/)
  expect(() => parseSeeds('5-1')).toThrow(/"5-1" has no seed/)
})
