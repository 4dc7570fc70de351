// Facts about freezing: one plan, numbered the same on every engine.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lanes, recipientsPerMulticast, type Lane } from '../../domain/lane.ts'
import { SegmentRefused } from '../port.ts'
import { deliveryAt, userId, type Facts, type TableRow } from './under-test.ts'

/** States them. */
export function describeFreezing(use: Facts): void {
  describe('freezing', () => {
    test('counts every row of the segment in exactly one term', async () => {
      const { plan, deliveryId } = await use.frozen([
        ...Array.from({ length: 12 }, (_, number) => ({ user_id: userId(number) })),
        { user_id: userId(3) },
        { user_id: userId(4) },
        { user_id: 'U123' },
        { user_id: ` ${userId(5)}` },
        { user_id: userId(0xabc).toUpperCase() },
        { user_id: null },
      ])
      expect(plan.audience).toEqual({
        segmentRows: 18,
        malformed: 4,
        duplicates: 2,
        excluded: 0,
        planned: 12,
      })
      const malformed = await use.warehouse.malformedIds(deliveryId, 'a1', 10)
      expect(malformed).toHaveLength(4)
      expect(malformed).toContain('U123')
      expect(await use.warehouse.malformedIds(deliveryId, 'a1', 2)).toHaveLength(2)
    })

    test('refuses a segment that fails on its data, without quoting them', async () => {
      const rows = [{ user_id: userId(7), name: 'Taro' }]
      await use.loadTable('failing', rows)
      for (const column of ['user_id', 'name']) {
        const sql = `SELECT user_id FROM failing WHERE CAST(${column} AS INT64) > 0`
        const request = {
          deliveryId: `failing-${column}`,
          attempt: 'a1',
          sql,
          variables: [],
          deliveryAt,
        }
        const refused: unknown = await use.warehouse
          .freeze(request)
          .catch((error: unknown) => error)
        if (!(refused instanceof SegmentRefused)) throw new Error('It was not refused.')
        expect(refused.message).toMatch(/fails on its data/)
        expect(refused.message).toContain('lfm campaign start <id> --again <n>')
        expect(refused.message).not.toMatch(/Taro|U0/)
        expect(refused.cause).toBeUndefined()
      }
    })

    test('puts content without variables on the multicast lane, however few', async () => {
      const { plan, deliveryId } = await use.frozen([
        { user_id: userId(2) },
        { user_id: userId(1) },
      ])
      expect(plan.lanes.push).toEqual({ requests: 0, recipients: 0, batchRecipients: [] })
      expect((await use.readAll(deliveryId, plan)).multicast).toEqual([
        { requestNo: 0, variables: '{}', userIds: [userId(1), userId(2)] },
      ])
    })

    test('fills requests of 500 in the order of the ids', async () => {
      const rows = Array.from({ length: 1203 }, (_, number) => ({ user_id: userId(number) }))
      const { plan, deliveryId } = await use.frozen(rows.toReversed())
      const { multicast } = await use.readAll(deliveryId, plan)
      expect(multicast.map((request) => request.userIds.length)).toEqual([500, 500, 203])
      expect(multicast.flatMap((request) => request.userIds)).toEqual(
        rows.map((row) => row.user_id),
      )
    })

    test('sends ten equal rows by multicast and nine by push', async () => {
      const { plan, deliveryId } = await use.frozen(
        [
          ...Array.from({ length: 10 }, (_, n) => ({ user_id: userId(n), city: 'Osaka' })),
          ...Array.from({ length: 9 }, (_, n) => ({ user_id: userId(50 + n), city: 'Kobe' })),
        ],
        ['city'],
      )
      const { multicast, push } = await use.readAll(deliveryId, plan)
      expect(multicast).toHaveLength(1)
      expect(multicast[0]?.variables).toBe('{"city":"Osaka"}')
      expect(push).toHaveLength(9)
      expect(push.map((request) => request.userIds)).toEqual(
        Array.from({ length: 9 }, (_, number) => [userId(50 + number)]),
      )
    })

    test('keeps the smallest variables of an id that stands there twice', async () => {
      const { plan, deliveryId } = await use.frozen(
        [
          { user_id: userId(1), city: 'Osaka' },
          { user_id: userId(1), city: 'Kobe' },
        ],
        ['city'],
      )
      expect(plan.audience.duplicates).toBe(1)
      expect((await use.readAll(deliveryId, plan)).push[0]?.variables).toBe('{"city":"Kobe"}')
    })

    test('writes variables as JSON with sorted keys, and leaves unused columns out', async () => {
      const { plan, deliveryId } = await use.frozen(
        [
          {
            user_id: userId(1),
            points: 12,
            city: '"大阪"\n',
            unused: 'x',
            nothing: null,
            z: 'z',
          },
        ],
        ['points', 'nothing', 'city'],
      )
      const { push } = await use.readAll(deliveryId, plan)
      expect(push[0]?.variables).toBe(
        JSON.stringify({ city: '"大阪"\n', nothing: null, points: 12 }),
      )
    })

    test('is refused when nobody is left, with the counts', async () => {
      const rows = [{ user_id: 'nobody' }, { user_id: 'nobody else' }]
      const error: unknown = await use.frozen(rows).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(SegmentRefused)
      expect(error).toMatchObject({ reason: 'no-rows' })
      expect(String(error)).toMatch(/2 rows.*2 hold no LINE user id/)
    })

    test('of the same rows by another attempt gives the same numbers and digest', async () => {
      const rows = Array.from({ length: 700 }, (_, n) => ({
        user_id: userId(n),
        c: `c${n % 30}`,
      }))
      const { plan, freeze, deliveryId } = await use.frozen(rows, ['c'])
      const again = await freeze('a2')
      expect({ ...again, attempt: 'a1' }).toEqual(plan)
      expect(await use.readAll(deliveryId, again)).toEqual(await use.readAll(deliveryId, plan))
    })

    test('gives another digest when one variable changes', async () => {
      const rows = [{ user_id: userId(1), c: 'a' }]
      const first = await use.frozen(rows, ['c'])
      const second = await use.frozen([{ user_id: userId(1), c: 'b' }], ['c'])
      expect(second.plan.digest).not.toBe(first.plan.digest)
    })

    test('that is aborted rejects with the reason and leaves no plan', async () => {
      const { deliveryId, sql } = await use.frozen([{ user_id: userId(1) }])
      const reason = new Error('The delivery was cancelled.')
      const aborted = use.warehouse.freeze(
        { deliveryId, attempt: 'a9', sql, variables: [], deliveryAt },
        AbortSignal.abort(reason),
      )
      await expect(aborted).rejects.toBe(reason)
      const range = { deliveryId, attempt: 'a9', lane: 'multicast' as const }
      await expect(
        use.warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 }),
      ).rejects.toThrow(/does not hold/)
    })

    test('leaves the winner when the other attempts are dropped', async () => {
      const { deliveryId, plan, freeze } = await use.frozen([{ user_id: userId(1) }])
      await freeze('a2')
      await use.warehouse.dropOtherAttempts(deliveryId, 'a1')
      expect((await use.readAll(deliveryId, plan)).multicast).toHaveLength(1)
      const lost = { deliveryId, attempt: 'a2', lane: 'multicast' as const }
      await expect(
        use.warehouse.readRequests({ ...lost, fromRequest: 0, toRequest: 1 }),
      ).rejects.toThrow(/does not hold/)
    })

    test('puts every well-formed id in exactly one place, in one group, in a lane that fits', async () => {
      const row = fc.record({
        number: fc.integer({ min: 0, max: 900 }),
        city: fc.constantFrom('Osaka', 'Kobe', 'Kyoto', 'Nara', "d'Or", null),
      })
      const audience = fc.tuple(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 0, max: 1100 }),
        fc.integer({ min: 0, max: 5 }),
      )
      await fc.assert(
        fc.asyncProperty(audience, fc.boolean(), async ([few, many, broken], isPlain) => {
          const rows: TableRow[] = [
            ...few.map(({ number, city }) => ({ user_id: userId(number), city })),
            ...Array.from({ length: many }, (_, n) => ({
              user_id: userId(n * 7),
              city: 'Tokyo',
            })),
            ...Array.from({ length: broken }, (_, n) => ({ user_id: `U${n}`, city: 'Oz' })),
          ]
          const { plan, deliveryId } = await use.frozen(rows, isPlain ? [] : ['city'])
          const read = await use.readAll(deliveryId, plan)
          const model = modelOf(rows, isPlain)
          for (const lane of lanes) {
            expect(read[lane].map((request) => request.requestNo)).toEqual(
              read[lane].map((_, index) => index),
            )
            expect(read[lane].map(({ variables, userIds }) => ({ variables, userIds }))).toEqual(
              model[lane],
            )
          }
          expect(plan.audience.malformed).toBe(broken)
        }),
        { numRuns: 12 },
      )
    })
  })
}

/** The plan as the protocol's words define it, made the slow way. */
function modelOf(rows: readonly TableRow[], isPlain: boolean) {
  const byId = new Map<string, string>()
  for (const row of rows) {
    const id = String(row['user_id'])
    if (!/^U[0-9a-f]{32}$/.test(id)) continue
    const variables = isPlain ? '{}' : JSON.stringify({ city: row['city'] ?? null })
    const kept = byId.get(id)
    if (kept === undefined || variables < kept) byId.set(id, variables)
  }
  const groups = new Map<string, string[]>()
  for (const id of [...byId.keys()].sort()) {
    const variables = byId.get(id) ?? ''
    groups.set(variables, [...(groups.get(variables) ?? []), id])
  }
  const model: Record<Lane, { variables: string; userIds: string[] }[]> = {
    multicast: [],
    push: [],
  }
  for (const variables of [...groups.keys()].sort()) {
    const ids = groups.get(variables) ?? []
    const isMulticast = isPlain || ids.length >= 10
    const size = isMulticast ? recipientsPerMulticast : 1
    for (let from = 0; from < ids.length; from += size)
      model[isMulticast ? 'multicast' : 'push'].push({
        variables,
        userIds: ids.slice(from, from + size),
      })
  }
  return model
}
