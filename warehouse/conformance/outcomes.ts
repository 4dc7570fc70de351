// Facts about outcomes: parts, reconciliation and the log.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lane } from '../../domain/lane.ts'
import { emptyAccount, outcomes, type Account, type Outcome } from '../../domain/outcome.ts'
import { type OutcomeRow } from '../port.ts'
import { inChunks, userId, type Facts } from './under-test.ts'

/** States them. */
export function describeOutcomes(use: Facts): void {
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
      use.warehouse.writePart(
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
      const { deliveryId } = await use.frozen(thousand)
      await write(deliveryId, '0', everybody.slice(0, 2))
      await write(deliveryId, '0', everybody.slice(2), 1)
      expect(await use.warehouse.reconcile(deliveryId, 'a1')).toEqual({
        account: { ...emptyAccount, planned: 1200, accepted: 980, rejected: 20, unknown: 200 },
        withoutOutcome: 0,
        requestsWithoutOutcome: [],
        outcomesWithoutRecipient: 0,
        withTwoOutcomes: 0,
        doubledUserIds: 0,
        unreadableParts: 0,
        isExact: true,
      })
    })

    test('that are missing are found by request, also when there is no part at all', async () => {
      const { deliveryId } = await use.frozen(thousand)
      const nothing = await use.warehouse.reconcile(deliveryId, 'a1')
      expect(nothing).toMatchObject({ withoutOutcome: 1200, isExact: false })
      expect(nothing.requestsWithoutOutcome).toHaveLength(3)
      await write(deliveryId, '0', [rowOf('multicast', 0, [0, 500])])
      await write(deliveryId, '2', [rowOf('multicast', 2, [0, 200])])
      expect(await use.warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
        account: { planned: 1200, accepted: 700 },
        withoutOutcome: 500,
        requestsWithoutOutcome: [{ lane: 'multicast', requestNo: 1 }],
        isExact: false,
      })
    })

    test('that stand twice, or for nobody, are counted and not exact', async () => {
      const { deliveryId } = await use.frozen(thousand)
      await write(deliveryId, '0', everybody)
      await write(deliveryId, '0', [rowOf('multicast', 2, [190, 205], 'rejected')], 1)
      await write(deliveryId, '1', [rowOf('multicast', 7, [0, 3])])
      expect(await use.warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
        withTwoOutcomes: 10,
        outcomesWithoutRecipient: 8,
        withoutOutcome: 0,
        isExact: false,
      })
    })

    test('written again under the same name replace the part', async () => {
      const { deliveryId } = await use.frozen(thousand)
      await write(deliveryId, '0', everybody.slice(0, 1))
      await write(deliveryId, '0', everybody)
      await write(deliveryId, '0', everybody)
      expect((await use.warehouse.reconcile(deliveryId, 'a1')).isExact).toBe(true)
    })

    test('may be a part of no rows', async () => {
      const { deliveryId } = await use.frozen(thousand)
      await write(deliveryId, 'none', [])
      await write(deliveryId, '0', everybody)
      expect((await use.warehouse.reconcile(deliveryId, 'a1')).isExact).toBe(true)
    })

    test('of parts that nobody knows any more are removed, and no others', async () => {
      const { deliveryId } = await use.frozen(thousand)
      const other = await use.frozen(thousand)
      await write(other.deliveryId, '0', everybody)
      await write(deliveryId, '0', everybody)
      await write(deliveryId, '0', everybody, 4)
      await write(deliveryId, 'rest', everybody, 5)
      await use.warehouse.dropOtherParts(deliveryId, [
        { deliveryId, lane: 'multicast', page: '0', round: 0 },
      ])
      expect((await use.warehouse.reconcile(deliveryId, 'a1')).isExact).toBe(true)
      expect((await use.warehouse.reconcile(other.deliveryId, 'a1')).isExact).toBe(true)
    })

    test('unsent are written from the plan for whole ranges of requests', async () => {
      const rows = [
        ...thousand.map((row) => ({ ...row, own: 'all' })),
        ...Array.from({ length: 5 }, (_, n) => ({ user_id: userId(5000 + n), own: `${n}` })),
      ]
      const { deliveryId } = await use.frozen(rows, ['own'])
      const part = { deliveryId, page: 'rest', round: 0 }
      const facts = { at, reason: 'cancelled' }
      await write(deliveryId, '0', everybody.slice(0, 1))
      const multicastRest = [{ fromRequest: 1, toRequest: 3 }]
      await use.warehouse.writeUnsent({ ...part, lane: 'multicast' }, 'a1', multicastRest, facts)
      const pushRest = [
        { fromRequest: 0, toRequest: 2 },
        { fromRequest: 2, toRequest: 5 },
      ]
      await use.warehouse.writeUnsent({ ...part, lane: 'push' }, 'a1', pushRest, facts)
      await use.warehouse.writeUnsent({ ...part, lane: 'push' }, 'a1', pushRest, facts)
      expect(await use.warehouse.reconcile(deliveryId, 'a1')).toMatchObject({
        account: { planned: 1205, accepted: 500, unsent: 705 },
        isExact: true,
      })
    })

    test('become delivery_log, one row a recipient, which the next segment can read', async () => {
      const { deliveryId } = await use.frozen(thousand)
      await write(deliveryId, '0', everybody)
      const facts = { deliveryId, campaignId: 'spring', channelId: '1', attempt: 'a1' }
      expect(await use.warehouse.materialiseLog(facts)).toEqual({ rows: 1200 })
      expect(await use.warehouse.materialiseLog(facts)).toEqual({ rows: 1200 })
      const rejected: string[] = []
      for await (const ids of use.warehouse.recipients(deliveryId, 'rejected'))
        rejected.push(...ids)
      expect(rejected.sort()).toEqual(
        Array.from({ length: 20 }, (_, number) => userId(500 + number)),
      )
      const sql = `SELECT user_id, reason, line_request_id FROM delivery_log
          WHERE delivery_id = '${deliveryId}' AND campaign_id = 'spring' AND outcome = 'unknown'`
      const next = await use.warehouse.freeze({
        deliveryId: `${deliveryId}-next`,
        attempt: 'a1',
        sql,
        variables: ['reason'],
        deliveryAt: at,
      })
      expect(next.audience.planned).toBe(200)
      expect((await use.readAll(`${deliveryId}-next`, next)).multicast[0]?.variables).toBe(
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
          const { deliveryId, plan } = await use.frozen(thousand)
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
          const found = await use.warehouse.reconcile(deliveryId, plan.attempt)
          expect(found.account).toEqual(account)
          expect(found.requestsWithoutOutcome.map(({ requestNo }) => requestNo)).toEqual(lost)
          expect(found.isExact).toBe(lost.length === 0)
        }),
        { numRuns: 10 },
      )
    })
  })
}
