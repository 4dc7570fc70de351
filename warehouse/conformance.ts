// The facts that every warehouse driver must pass; nothing here knows an engine.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lanes, recipientsPerMulticast, requestsPerBatch, type Lane } from '../domain/lane.ts'
import { emptyAccount, outcomes, type Account, type Outcome } from '../domain/outcome.ts'
import { type FrozenPlan } from '../domain/plan.ts'
import { SegmentRefused, type OutcomeRow, type PlannedRequest, type Warehouse } from './port.ts'

/** One row of a test table; a column that a row lacks is NULL. */
export type TableRow = Readonly<Record<string, string | number | null>>

/** A driver under test, with a way to give it a table. */
export interface WarehouseUnderTest {
  warehouse: Warehouse
  /** Makes or replaces a table; text and number columns, as the rows have them. */
  loadTable(name: string, rows: readonly TableRow[]): Promise<void>
  dispose(): Promise<void>
}

/** A well-formed LINE user id. */
export function userId(number: number): string {
  return `U${number.toString(16).padStart(32, '0')}`
}

/** Runs the suite against one driver. */
export function describeWarehouse(name: string, make: () => Promise<WarehouseUnderTest>): void {
  describe(`the warehouse on ${name}`, () => {
    let made: WarehouseUnderTest
    let warehouse: Warehouse
    let count = 0
    beforeAll(async () => {
      made = await make()
      warehouse = made.warehouse
    })
    afterAll(() => made.dispose())

    /** Loads rows as a table of their own and freezes them under a delivery of their own. */
    async function frozen(rows: readonly TableRow[], variables: readonly string[] = []) {
      count += 1
      const table = `facts_${count}`
      const deliveryId = `delivery-${count}`
      await made.loadTable(table, rows)
      const sql = `SELECT * FROM ${table}`
      const freeze = (attempt: string) => warehouse.freeze({ deliveryId, attempt, sql, variables })
      return { deliveryId, sql, table, freeze, plan: await freeze('a1') }
    }

    async function readAll(deliveryId: string, plan: FrozenPlan) {
      const read: Record<Lane, PlannedRequest[]> = { multicast: [], push: [] }
      for (const lane of lanes) {
        const { requests, batchRecipients } = plan.lanes[lane]
        expect(batchRecipients).toHaveLength(Math.ceil(requests / requestsPerBatch[lane]))
        for (const [batchNo, recipients] of batchRecipients.entries()) {
          const fromRequest = batchNo * requestsPerBatch[lane]
          const toRequest = Math.min(fromRequest + requestsPerBatch[lane], requests)
          const range = { deliveryId, attempt: plan.attempt, lane, fromRequest, toRequest }
          const batch = await warehouse.readRequests(range)
          expect(batch.flatMap((request) => request.userIds)).toHaveLength(recipients)
          read[lane].push(...batch)
        }
      }
      return read
    }

    describe('a segment', () => {
      beforeAll(() => made.loadTable('friends', [{ user_id: userId(1), city: 'Osaka' }]))
      const inspect = (sql: string, variables: string[] = []) =>
        warehouse.inspectSegment(sql, variables)
      const refusal = async (sql: string, variables: string[] = []) => {
        const error: unknown = await inspect(sql, variables).catch((reason: unknown) => reason)
        if (error instanceof SegmentRefused) return error
        throw new Error(`The segment was not refused: ${sql}`)
      }

      test('is told by its columns and by whether it has rows', async () => {
        const found = await inspect('SELECT user_id, city FROM friends', ['city'])
        expect(found.columns.map((column) => column.name)).toEqual(['user_id', 'city'])
        expect(found.hasRows).toBe(true)
        expect((await inspect("SELECT user_id FROM friends WHERE city = 'Kobe'")).hasRows).toBe(
          false,
        )
      })

      test('may end with a semicolon and a comment', async () => {
        expect((await inspect('SELECT user_id FROM friends -- all of them')).hasRows).toBe(true)
        expect((await inspect('SELECT user_id FROM friends; -- all\n')).hasRows).toBe(true)
      })

      test.each([
        ['SELECT user_id FROM friends; SELECT 1', 'not-one-statement'],
        ['-- nothing', 'not-one-statement'],
        ['DELETE FROM friends WHERE true', 'not-a-select'],
        ['SELECT user_id FROM', 'invalid-sql'],
        ['SELECT nothing_like_it, user_id FROM friends', 'invalid-sql'],
        ['SELECT user_id FROM nowhere_at_all', 'unknown-table'],
        ['SELECT city FROM friends', 'no-user-id'],
      ])('is refused with its reason: %s', async (sql, reason) => {
        expect((await refusal(sql)).reason).toBe(reason)
      })

      test('is refused when the content uses a column that it lacks, with the columns it has', async () => {
        const error = await refusal('SELECT user_id, city FROM friends', ['city', 'coupon'])
        expect(error.reason).toBe('missing-variable')
        expect(error.message).toMatch(/coupon.*user_id, city/)
      })

      test('that reads an unknown table is told the tables there are', async () => {
        const error = await refusal('SELECT user_id FROM freinds')
        expect(error.message).toMatch(/friends/)
        expect(error.message).toMatch(/delivery_log/)
      })

      test('is refused with the place of the mistake', async () => {
        const error = await refusal('SELECT user_id\nFROM friends\nWHERE nothing_like_it = 1')
        expect(error.position).toEqual({ line: 3, column: 7 })
      })

      test('reads delivery_log before any delivery has ended', async () => {
        const sql = `SELECT user_id FROM delivery_log WHERE outcome = 'rejected'`
        expect((await inspect(sql)).hasRows).toBe(false)
      })
    })

    describe('freezing', () => {
      test('counts every row of the segment in exactly one term', async () => {
        const { plan, deliveryId } = await frozen([
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
        const malformed = await warehouse.malformedIds(deliveryId, 'a1', 10)
        expect(malformed).toHaveLength(4)
        expect(malformed).toContain('U123')
        expect(await warehouse.malformedIds(deliveryId, 'a1', 2)).toHaveLength(2)
      })

      test('puts content without variables on the multicast lane, however few', async () => {
        const { plan, deliveryId } = await frozen([{ user_id: userId(2) }, { user_id: userId(1) }])
        expect(plan.lanes.push).toEqual({ requests: 0, recipients: 0, batchRecipients: [] })
        expect((await readAll(deliveryId, plan)).multicast).toEqual([
          { requestNo: 0, variables: '{}', userIds: [userId(1), userId(2)] },
        ])
      })

      test('fills requests of 500 in the order of the ids', async () => {
        const rows = Array.from({ length: 1203 }, (_, number) => ({ user_id: userId(number) }))
        const { plan, deliveryId } = await frozen(rows.toReversed())
        const { multicast } = await readAll(deliveryId, plan)
        expect(multicast.map((request) => request.userIds.length)).toEqual([500, 500, 203])
        expect(multicast.flatMap((request) => request.userIds)).toEqual(
          rows.map((row) => row.user_id),
        )
      })

      test('sends ten equal rows by multicast and nine by push', async () => {
        const { plan, deliveryId } = await frozen(
          [
            ...Array.from({ length: 10 }, (_, n) => ({ user_id: userId(n), city: 'Osaka' })),
            ...Array.from({ length: 9 }, (_, n) => ({ user_id: userId(50 + n), city: 'Kobe' })),
          ],
          ['city'],
        )
        const { multicast, push } = await readAll(deliveryId, plan)
        expect(multicast).toHaveLength(1)
        expect(multicast[0]?.variables).toBe('{"city":"Osaka"}')
        expect(push).toHaveLength(9)
        expect(push.map((request) => request.userIds)).toEqual(
          Array.from({ length: 9 }, (_, number) => [userId(50 + number)]),
        )
      })

      test('keeps the smallest variables of an id that stands there twice', async () => {
        const { plan, deliveryId } = await frozen(
          [
            { user_id: userId(1), city: 'Osaka' },
            { user_id: userId(1), city: 'Kobe' },
          ],
          ['city'],
        )
        expect(plan.audience.duplicates).toBe(1)
        expect((await readAll(deliveryId, plan)).push[0]?.variables).toBe('{"city":"Kobe"}')
      })

      test('writes variables as JSON with sorted keys, and leaves unused columns out', async () => {
        const { plan, deliveryId } = await frozen(
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
        const { push } = await readAll(deliveryId, plan)
        expect(push[0]?.variables).toBe(
          JSON.stringify({ city: '"大阪"\n', nothing: null, points: 12 }),
        )
      })

      test('is refused when nobody is left, with the counts', async () => {
        const rows = [{ user_id: 'nobody' }, { user_id: 'nobody else' }]
        const error: unknown = await frozen(rows).catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(SegmentRefused)
        expect(error).toMatchObject({ reason: 'no-rows' })
        expect(String(error)).toMatch(/2 rows.*2 hold no LINE user id/)
      })

      test('of the same rows by another attempt gives the same numbers and digest', async () => {
        const rows = Array.from({ length: 700 }, (_, n) => ({
          user_id: userId(n),
          c: `c${n % 30}`,
        }))
        const { plan, freeze, deliveryId } = await frozen(rows, ['c'])
        const again = await freeze('a2')
        expect({ ...again, attempt: 'a1' }).toEqual(plan)
        expect(await readAll(deliveryId, again)).toEqual(await readAll(deliveryId, plan))
      })

      test('gives another digest when one variable changes', async () => {
        const rows = [{ user_id: userId(1), c: 'a' }]
        const first = await frozen(rows, ['c'])
        const second = await frozen([{ user_id: userId(1), c: 'b' }], ['c'])
        expect(second.plan.digest).not.toBe(first.plan.digest)
      })

      test('that is aborted rejects with the reason and leaves no plan', async () => {
        const { deliveryId, sql } = await frozen([{ user_id: userId(1) }])
        const reason = new Error('The delivery was cancelled.')
        const aborted = warehouse.freeze(
          { deliveryId, attempt: 'a9', sql, variables: [] },
          AbortSignal.abort(reason),
        )
        await expect(aborted).rejects.toBe(reason)
        const range = { deliveryId, attempt: 'a9', lane: 'multicast' as const }
        await expect(
          warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 }),
        ).rejects.toThrow(/does not hold/)
      })

      test('leaves the winner when the other attempts are dropped', async () => {
        const { deliveryId, plan, freeze } = await frozen([{ user_id: userId(1) }])
        await freeze('a2')
        await warehouse.dropOtherAttempts(deliveryId, 'a1')
        expect((await readAll(deliveryId, plan)).multicast).toHaveLength(1)
        const lost = { deliveryId, attempt: 'a2', lane: 'multicast' as const }
        await expect(
          warehouse.readRequests({ ...lost, fromRequest: 0, toRequest: 1 }),
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
            const { plan, deliveryId } = await frozen(rows, isPlain ? [] : ['city'])
            const read = await readAll(deliveryId, plan)
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

    describe('outcomes', () => {
      const at = '2026-11-22T10:00:00.000Z'
      const rowOf = (
        lane: Lane,
        requestNo: number,
        [fromOrdinal, toOrdinal]: [number, number],
        outcome: Outcome = 'accepted',
      ): OutcomeRow => ({
        lane,
        requestNo,
        fromOrdinal,
        toOrdinal,
        outcome,
        lineRequestId: outcome === 'accepted' ? `line-${requestNo}` : null,
        retryKey: null,
        at,
        reason: outcome === 'accepted' ? null : 'for the test',
      })
      const write = (deliveryId: string, page: string, rows: OutcomeRow[], round = 0) =>
        warehouse.writePart(
          { deliveryId, lane: rows[0]?.lane ?? 'multicast', page, round },
          inChunks(rows),
        )
      const thousand = Array.from({ length: 1200 }, (_, number) => ({ user_id: userId(number) }))
      const everybody = [
        rowOf('multicast', 0, [0, 500]),
        rowOf('multicast', 1, [0, 20], 'rejected'),
        rowOf('multicast', 1, [20, 500]),
        rowOf('multicast', 2, [0, 200], 'unknown'),
      ]

      test('that cover the plan are exact, each term counted', async () => {
        const { deliveryId } = await frozen(thousand)
        await write(deliveryId, '0', everybody.slice(0, 2))
        await write(deliveryId, '0', everybody.slice(2), 1)
        expect(await warehouse.reconcile(deliveryId, 'a1')).toEqual({
          account: { ...emptyAccount, planned: 1200, accepted: 980, rejected: 20, unknown: 200 },
          withoutOutcome: 0,
          requestsWithoutOutcome: [],
          outcomesWithoutRecipient: 0,
          withTwoOutcomes: 0,
          doubledUserIds: 0,
          isExact: true,
        })
      })

      test('that are missing are found by request, also when there is no part at all', async () => {
        const { deliveryId } = await frozen(thousand)
        const nothing = await warehouse.reconcile(deliveryId, 'a1')
        expect(nothing).toMatchObject({ withoutOutcome: 1200, isExact: false })
        expect(nothing.requestsWithoutOutcome).toHaveLength(3)
        await write(deliveryId, '0', [rowOf('multicast', 0, [0, 500])])
        await write(deliveryId, '2', [rowOf('multicast', 2, [0, 200])])
        expect(await warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
          account: { planned: 1200, accepted: 700 },
          withoutOutcome: 500,
          requestsWithoutOutcome: [{ lane: 'multicast', requestNo: 1 }],
          isExact: false,
        })
      })

      test('that stand twice, or for nobody, are counted and not exact', async () => {
        const { deliveryId } = await frozen(thousand)
        await write(deliveryId, '0', everybody)
        await write(deliveryId, '0', [rowOf('multicast', 2, [190, 205], 'rejected')], 1)
        await write(deliveryId, '1', [rowOf('multicast', 7, [0, 3])])
        expect(await warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
          withTwoOutcomes: 10,
          outcomesWithoutRecipient: 8,
          withoutOutcome: 0,
          isExact: false,
        })
      })

      test('written again under the same name replace the part', async () => {
        const { deliveryId } = await frozen(thousand)
        await write(deliveryId, '0', everybody.slice(0, 1))
        await write(deliveryId, '0', everybody)
        await write(deliveryId, '0', everybody)
        expect((await warehouse.reconcile(deliveryId, 'a1')).isExact).toBe(true)
      })

      test('may be a part of no rows', async () => {
        const { deliveryId } = await frozen(thousand)
        await write(deliveryId, 'none', [])
        await write(deliveryId, '0', everybody)
        expect((await warehouse.reconcile(deliveryId, 'a1')).isExact).toBe(true)
      })

      test('unsent are written from the plan for whole ranges of requests', async () => {
        const rows = [
          ...thousand.map((row) => ({ ...row, own: 'all' })),
          ...Array.from({ length: 5 }, (_, n) => ({ user_id: userId(5000 + n), own: `${n}` })),
        ]
        const { deliveryId } = await frozen(rows, ['own'])
        const part = { deliveryId, page: 'rest', round: 0 }
        const facts = { at, reason: 'cancelled' }
        await write(deliveryId, '0', everybody.slice(0, 1))
        const multicastRest = [{ fromRequest: 1, toRequest: 3 }]
        await warehouse.writeUnsent({ ...part, lane: 'multicast' }, 'a1', multicastRest, facts)
        const pushRest = [
          { fromRequest: 0, toRequest: 2 },
          { fromRequest: 2, toRequest: 5 },
        ]
        await warehouse.writeUnsent({ ...part, lane: 'push' }, 'a1', pushRest, facts)
        await warehouse.writeUnsent({ ...part, lane: 'push' }, 'a1', pushRest, facts)
        expect(await warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
          account: { planned: 1205, accepted: 500, unsent: 705 },
          isExact: true,
        })
      })

      test('become delivery_log, one row a recipient, which the next segment can read', async () => {
        const { deliveryId } = await frozen(thousand)
        await write(deliveryId, '0', everybody)
        const facts = { deliveryId, campaignId: 'spring', channelId: '1', attempt: 'a1' }
        expect(await warehouse.materialiseLog(facts)).toEqual({ rows: 1200 })
        expect(await warehouse.materialiseLog(facts)).toEqual({ rows: 1200 })
        const rejected: string[] = []
        for await (const ids of warehouse.recipients(deliveryId, 'rejected')) rejected.push(...ids)
        expect(rejected.sort()).toEqual(
          Array.from({ length: 20 }, (_, number) => userId(500 + number)),
        )
        const sql = `SELECT user_id, reason, line_request_id FROM delivery_log
          WHERE delivery_id = '${deliveryId}' AND campaign_id = 'spring' AND outcome = 'unknown'`
        const next = await warehouse.freeze({
          deliveryId: `${deliveryId}-next`,
          attempt: 'a1',
          sql,
          variables: ['reason'],
        })
        expect(next.audience.planned).toBe(200)
        expect((await readAll(`${deliveryId}-next`, next)).multicast[0]?.variables).toBe(
          '{"reason":"for the test"}',
        )
      })

      test('of any kind and split add up to what a model counts', async () => {
        const split = fc.record({
          place: fc.integer({ min: 1, max: 499 }),
          kinds: fc.tuple(fc.constantFrom(...outcomes), fc.constantFrom(...outcomes)),
          isLost: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
        })
        await fc.assert(
          fc.asyncProperty(fc.array(split, { minLength: 3, maxLength: 3 }), async (splits) => {
            const { deliveryId, plan } = await frozen(thousand)
            const account: Account = { ...emptyAccount, planned: 1200 }
            const lost: number[] = []
            for (const [requestNo, { place, kinds, isLost }] of splits.entries()) {
              const size = requestNo === 2 ? 200 : 500
              const middle = Math.min(place, size - 1)
              if (isLost) lost.push(requestNo)
              else {
                account[kinds[0]] += middle
                account[kinds[1]] += size - middle
                await write(deliveryId, String(requestNo), [
                  rowOf('multicast', requestNo, [0, middle], kinds[0]),
                  rowOf('multicast', requestNo, [middle, size], kinds[1]),
                ])
              }
            }
            const found = await warehouse.reconcile(deliveryId, plan.attempt)
            expect(found.account).toEqual(account)
            expect(found.requestsWithoutOutcome.map(({ requestNo }) => requestNo)).toEqual(lost)
            expect(found.isExact).toBe(lost.length === 0)
          }),
          { numRuns: 10 },
        )
      })
    })
  })
}

async function* inChunks(rows: OutcomeRow[]): AsyncGenerator<OutcomeRow[]> {
  for (let from = 0; from < rows.length; from += 2) yield rows.slice(from, from + 2)
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
