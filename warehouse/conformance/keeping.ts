// Facts about retention: what goes, what stays, and that going twice is going once.
import { describe, expect, test } from 'vitest'
import { type OutcomeRow } from '../port.ts'
import { inChunks, userId, type Facts } from './under-test.ts'

/** States them. */
export function describeKeeping(use: Facts): void {
  describe('what is kept', () => {
    /** A delivery to two, both accepted then. */
    async function delivered(at: string) {
      const frozen = await use.frozen([{ user_id: userId(1) }, { user_id: userId(2) }])
      const { deliveryId } = frozen
      const row: OutcomeRow = {
        lane: 'multicast',
        requestNo: 0,
        fromOrdinal: 0,
        toOrdinal: 2,
        outcome: 'accepted',
        lineRequestId: null,
        retryKey: null,
        at,
        reason: null,
      }
      const part = { deliveryId, lane: 'multicast' as const, page: '0', round: 0 }
      await use.warehouse.writePart(part, inChunks([row]))
      const facts = { deliveryId, campaignId: 'kept', channelId: '1', attempt: 'a1' }
      await use.warehouse.materialiseLog(facts)
      return { ...frozen, facts }
    }
    const logged = async (deliveryId: string) =>
      (await use.rowsOf(`SELECT user_id FROM delivery_log WHERE delivery_id = '${deliveryId}'`, []))
        .size

    test('of a delivery that is kept is what there was, however often it is kept', async () => {
      const { deliveryId } = await delivered('2026-11-22T10:00:00.000Z')
      await Promise.all([1, 2].map(() => use.warehouse.keepDelivery(deliveryId, 'a1')))
      await use.warehouse.keepDelivery(deliveryId, 'a1')
      const found = await use.warehouse.reconcile(deliveryId, 'a1')
      expect(found).toMatchObject({ isExact: true, account: { planned: 2, accepted: 2 } })
    })

    test('keeping makes nothing of what is not there', async () => {
      const { deliveryId } = await delivered('2026-11-22T10:00:00.000Z')
      await use.warehouse.dropDelivery(deliveryId)
      for (const id of [deliveryId, 'never-there']) {
        await use.warehouse.keepDelivery(id, 'a1')
        expect(await use.warehouse.heldDeliveries()).not.toContain(id)
      }
    })

    test('of a dropped delivery is its log alone', async () => {
      const { deliveryId, facts } = await delivered('2026-11-22T10:00:00.000Z')
      const other = await delivered('2026-11-22T10:00:00.000Z')
      expect(await use.warehouse.heldDeliveries()).toEqual(
        expect.arrayContaining([deliveryId, other.deliveryId]),
      )
      await use.warehouse.dropDelivery(deliveryId)
      await use.warehouse.dropDelivery(deliveryId)
      await use.warehouse.dropDelivery('never-there')
      const held = await use.warehouse.heldDeliveries()
      expect(held).not.toContain(deliveryId)
      expect(held).toContain(other.deliveryId)

      const range = { deliveryId, attempt: 'a1', lane: 'multicast' as const }
      await expect(
        use.warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 }),
      ).rejects.toThrow(/does not hold/)
      await expect(use.warehouse.reconcile(deliveryId, 'a1')).rejects.toThrow(/no plan/)
      await expect(use.warehouse.materialiseLog(facts)).rejects.toThrow(/no plan/)
      const retried = use.warehouse.freezeRetry({
        deliveryId: `${deliveryId}-retry`,
        attempt: 'a1',
        earlier: { deliveryId, attempt: 'a1' },
        outcomes: ['rejected'],
        recipients: 2,
        variables: [],
      })
      await expect(retried).rejects.toThrow(/lacks its plan/)
      expect(await logged(deliveryId)).toBe(2)
      expect((await use.warehouse.reconcile(other.deliveryId, 'a1')).isExact).toBe(true)
    })

    test('of the logs is what is younger than the day', async () => {
      const old = await delivered('2020-01-31T23:59:59.000Z')
      const young = await delivered('2020-02-02T00:00:00.000Z')
      const clickOf = (clickId: string, at: string) => ({
        clickId,
        at,
        deliveryId: clickId,
        campaignId: 'kept',
        channelId: '1',
        variant: null,
        linkId: '1',
        url: 'https://shop.example/',
        userId: userId(1),
      })
      const clicked = async (clickId: string) =>
        (await use.rowsOf(`SELECT user_id FROM click_log WHERE click_id = '${clickId}'`, [])).size
      await use.warehouse.writeClicks('old', inChunks([clickOf('old', '2020-01-31T23:59:59Z')]))
      await use.warehouse.writeClicks('young', inChunks([clickOf('young', '2020-02-02T00:00:00Z')]))
      expect(await clicked('old')).toBe(1)
      await use.warehouse.dropLogsBefore('2020-02-02')
      await use.warehouse.dropLogsBefore('2020-02-02')
      expect([await logged(old.deliveryId), await logged(young.deliveryId)]).toEqual([0, 2])
      expect([await clicked('old'), await clicked('young')]).toEqual([0, 1])
    })

    test('is seen by who looks for those delivered to in the last 30 days', async () => {
      const day = 24 * 60 * 60 * 1000
      const lately = await delivered(new Date(Date.now() - 29 * day).toISOString())
      const before = await delivered(new Date(Date.now() - 31 * day).toISOString())
      const among = async (deliveryId: string) =>
        (
          await use.rowsOf(
            `SELECT user_id FROM delivered_last_30_days WHERE delivery_id = '${deliveryId}'`,
            [],
          )
        ).size
      expect(await among(lately.deliveryId)).toBe(2)
      expect(await among(before.deliveryId)).toBe(0)
    })
  })
}
