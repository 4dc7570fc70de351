// Facts about retries: the audience is taken from an ended delivery, whatever its segment would yield today.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lanes, type Lane } from '../../domain/lane.ts'
import { outcomes, type Outcome, type RetriedOutcome } from '../../domain/outcome.ts'
import { type FrozenPlan } from '../../domain/plan.ts'
import { type OutcomeRow } from '../port.ts'
import { userId, type Facts, type TableRow } from './under-test.ts'

/** Who is in a plan, with their variables. */
type People = Map<string, string>

/** States them. */
export function describeRetrying(use: Facts): void {
  describe('retrying', () => {
    const at = '2026-11-22T10:00:00.000Z'

    /** A delivery that has ended; `outcomeOf` says what became of the ordinal of a request. */
    async function ended(
      rows: readonly TableRow[],
      variables: readonly string[],
      outcomeOf: (lane: Lane, requestNo: number, ordinal: number) => Outcome,
    ) {
      const frozen = await use.frozen(rows, variables)
      const { deliveryId, plan } = frozen
      const people = Object.fromEntries(outcomes.map((outcome) => [outcome, new Map()])) as Record<
        Outcome,
        People
      >
      const read = await use.readAll(deliveryId, plan)
      for (const lane of lanes) {
        const part: OutcomeRow[] = []
        for (const { requestNo, userIds, variables: json } of read[lane])
          for (const [ordinal, id] of userIds.entries()) {
            const outcome = outcomeOf(lane, requestNo, ordinal)
            people[outcome].set(id, json)
            part.push({
              lane,
              requestNo,
              fromOrdinal: ordinal,
              toOrdinal: ordinal + 1,
              outcome,
              lineRequestId: null,
              retryKey: null,
              at,
              reason: null,
            })
          }
        async function* once() {
          yield part
        }
        await use.warehouse.writePart({ deliveryId, lane, page: '0', round: 0 }, once())
      }
      expect((await use.warehouse.reconcile(deliveryId, plan.attempt)).isExact).toBe(true)
      await use.warehouse.materialiseLog({
        deliveryId,
        campaignId: 'c',
        channelId: '1',
        attempt: plan.attempt,
      })
      const retry = (chosen: RetriedOutcome[], recipients: number, attempt = 'r1') =>
        use.warehouse.freezeRetry({
          deliveryId: `${deliveryId}-retry`,
          attempt,
          earlier: { deliveryId, attempt: plan.attempt },
          outcomes: chosen,
          recipients,
          variables,
        })
      return { ...frozen, people, retry, retryId: `${deliveryId}-retry` }
    }

    async function peopleOf(deliveryId: string, plan: FrozenPlan): Promise<People> {
      const read = await use.readAll(deliveryId, plan)
      return new Map(
        lanes.flatMap((lane) =>
          read[lane].flatMap(({ userIds, variables }) =>
            userIds.map((id): [string, string] => [id, variables]),
          ),
        ),
      )
    }

    test('takes exactly the recipients of the outcomes chosen, with the variables frozen then', async () => {
      const rows = [
        ...Array.from({ length: 30 }, (_, n) => ({ user_id: userId(n), city: 'Osaka' })),
        ...Array.from({ length: 5 }, (_, n) => ({ user_id: userId(100 + n), city: `"${n}"` })),
      ]
      const kinds: Outcome[] = ['accepted', 'unsent', 'rejected', 'unknown', 'skipped']
      const delivery = await ended(
        rows,
        ['city'],
        (lane, requestNo, ordinal) =>
          kinds[(lane === 'push' ? requestNo : ordinal) % 5] ?? 'accepted',
      )
      // The table has changed since; the retry does not look at it.
      await use.loadTable(delivery.table, [{ user_id: userId(999), city: 'Nara' }])
      const plan = await delivery.retry(['unsent', 'rejected'], 14)
      expect(plan.audience).toEqual({
        segmentRows: 14,
        malformed: 0,
        duplicates: 0,
        excluded: 0,
        planned: 14,
      })
      expect(await peopleOf(delivery.retryId, plan)).toEqual(
        new Map([...delivery.people.unsent, ...delivery.people.rejected]),
      )
      // Twelve have one body in common, the other two their own.
      expect(plan.lanes.multicast).toMatchObject({ requests: 1, recipients: 12 })
      expect(plan.lanes.push).toMatchObject({ requests: 2, recipients: 2 })
      const again = await delivery.retry(['unsent', 'rejected'], 14, 'r2')
      expect({ ...again, attempt: 'r1' }).toEqual(plan)
    })

    test('of a content without variables stays on the multicast lane', async () => {
      const rows = Array.from({ length: 20 }, (_, n) => ({ user_id: userId(n) }))
      const delivery = await ended(rows, [], (_lane, _no, ordinal) =>
        ordinal < 3 ? 'unsent' : 'accepted',
      )
      const plan = await delivery.retry(['unsent'], 3)
      expect(plan.lanes.multicast).toMatchObject({ requests: 1, recipients: 3 })
      expect(plan.lanes.push.recipients).toBe(0)
    })

    test('is refused where the warehouse has others than the account says', async () => {
      const rows = Array.from({ length: 20 }, (_, n) => ({ user_id: userId(n) }))
      const delivery = await ended(rows, [], () => 'unsent')
      await expect(delivery.retry(['unsent'], 19)).rejects.toThrow(/has 20 .* its account has 19/)
      const { deliveryId } = await use.frozen(rows)
      const withoutLog = use.warehouse.freezeRetry({
        deliveryId: `${deliveryId}-retry`,
        attempt: 'r1',
        earlier: { deliveryId, attempt: 'a1' },
        outcomes: ['unsent'],
        recipients: 20,
        variables: [],
      })
      await expect(withoutLog).rejects.toThrow(/lacks its delivery_log/)
    })

    test('and what it retries never have anybody in common but those chosen', async () => {
      const kind = fc.constantFrom(...outcomes)
      await fc.assert(
        fc.asyncProperty(
          fc.array(kind, { minLength: 1, maxLength: 12 }),
          fc.uniqueArray(fc.constantFrom<RetriedOutcome>('unsent', 'rejected', 'skipped'), {
            minLength: 1,
          }),
          fc.integer({ min: 1, max: 700 }),
          async (cycle, chosen, many) => {
            const rows = Array.from({ length: many }, (_, n) => ({
              user_id: userId(n * 3),
              v: n % 4 === 0 ? `${n}` : 'all',
            }))
            let place = 0
            const delivery = await ended(
              rows,
              ['v'],
              () => cycle[place++ % cycle.length] ?? 'accepted',
            )
            const wanted = new Map(chosen.flatMap((one) => [...delivery.people[one]]))
            const retry = delivery.retry(chosen, wanted.size)
            if (wanted.size === 0) await expect(retry).rejects.toThrow(/reaches nobody/)
            else expect(await peopleOf(delivery.retryId, await retry)).toEqual(wanted)
          },
        ),
        { numRuns: 8 },
      )
    })
  })
}
