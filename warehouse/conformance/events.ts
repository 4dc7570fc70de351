// Facts about clicks and friendships: named parts, written once, and the views that follow from them.
import { describe, expect, test } from 'vitest'
import { type ClickRow, type FriendEvent } from '../event-rows.ts'
import { inChunks, userId, type Facts } from './under-test.ts'

/** States them. */
export function describeEvents(use: Facts): void {
  describe('clicks', () => {
    const clickOf = (campaignId: string, number: number, more: Partial<ClickRow> = {}) => ({
      clickId: `${campaignId}-${number}`,
      at: '2026-11-22T09:00:00.000Z',
      deliveryId: `delivery-of-${campaignId}`,
      campaignId,
      channelId: '1',
      variant: null,
      linkId: 'link-1',
      url: 'https://shop.example/?q=大阪',
      userId: userId(number),
      ...more,
    })
    const write = (part: string, rows: ClickRow[]) =>
      use.warehouse.writeClicks(part, inChunks(rows))
    const clicksOf = (campaignId: string) =>
      use.rowsOf(
        `SELECT user_id, url, variant, link_id FROM click_log WHERE campaign_id = '${campaignId}'`,
        ['url', 'variant', 'link_id'],
      )

    test('are in click_log once, however often and with whatever their part is written', async () => {
      await write('once', [clickOf('once', 1), clickOf('once', 2), clickOf('once', 3)])
      await write('once', [clickOf('once', 1), clickOf('once', 2), clickOf('once', 3)])
      await write('once', [clickOf('once', 4)])
      await write('once-more', [clickOf('once', 5, { variant: 'B' })])
      const counted = `SELECT '${userId(1)}' AS user_id, count(*) AS n FROM click_log WHERE campaign_id = 'once'`
      expect(await use.rowsOf(counted, ['n'])).toEqual(new Map([[userId(1), { n: 4 }]]))
      const url = 'https://shop.example/?q=大阪'
      const of = (variant: string | null) => ({ url, variant, link_id: 'link-1' })
      expect(await clicksOf('once')).toEqual(
        new Map([
          ...[1, 2, 3].map((number) => [userId(number), of(null)] as const),
          [userId(5), of('B')],
        ]),
      )
    })

    test('that break off add nothing, and their part can still be written', async () => {
      async function* breaking(): AsyncGenerator<ClickRow[]> {
        yield [clickOf('broken', 1)]
        throw new Error('The store went away.')
      }
      await expect(use.warehouse.writeClicks('broken', breaking())).rejects.toThrow('went away')
      expect((await clicksOf('broken')).size).toBe(0)
      await write('broken', [clickOf('broken', 2)])
      expect([...(await clicksOf('broken')).keys()]).toEqual([userId(2)])
    })

    test('may be a part of none', async () => {
      await write('nothing', [])
      expect((await clicksOf('nothing')).size).toBe(0)
    })

    test('are counted by campaign and variant, also those of nobody known', async () => {
      await write('counted', [
        clickOf('counted', 1, { variant: 'A' }),
        clickOf('counted', 2, { variant: 'A', userId: userId(1) }),
        clickOf('counted', 3, { variant: 'A', userId: null }),
        clickOf('counted', 4, { variant: 'B' }),
        clickOf('counted', 5),
      ])
      const found = await use.rowsOf(
        `SELECT CASE variant WHEN 'A' THEN '${userId(1)}' WHEN 'B' THEN '${userId(2)}' ELSE '${userId(3)}' END AS user_id,
           clicks, clickers FROM clicks_by_campaign WHERE campaign_id = 'counted'`,
        ['clicks', 'clickers'],
      )
      expect(found).toEqual(
        new Map([
          [userId(1), { clicks: 3, clickers: 1 }],
          [userId(2), { clicks: 1, clickers: 1 }],
          [userId(3), { clicks: 1, clickers: 1 }],
        ]),
      )
    })
  })

  describe('friendships', () => {
    const eventOf = (
      channelId: string,
      number: number,
      kind: FriendEvent['kind'],
      hour: number,
      eventId = `${hour}`,
    ): FriendEvent => ({
      eventId,
      at: `2026-11-22T${String(hour).padStart(2, '0')}:00:00.000Z`,
      channelId,
      userId: userId(number),
      kind,
    })
    const write = (part: string, rows: FriendEvent[]) =>
      use.warehouse.writeFriendEvents(part, inChunks(rows))
    const friendsOf = async (channelId: string) => {
      const rows = await use.rowsOf(
        `SELECT user_id, status FROM line_friends WHERE channel_id = '${channelId}'`,
        ['status'],
      )
      return Object.fromEntries([...rows].map(([id, row]) => [Number(id.slice(1)), row['status']]))
    }

    test('stand as their latest event says, in whatever order the parts come', async () => {
      await write('later', [eventOf('order', 1, 'unfollow', 12), eventOf('order', 2, 'follow', 12)])
      await write('earlier', [
        eventOf('order', 1, 'follow', 8),
        eventOf('order', 2, 'unfollow', 8),
        eventOf('order', 3, 'follow', 9),
      ])
      await write('earlier', [eventOf('order', 3, 'unfollow', 13)])
      expect(await friendsOf('order')).toEqual({ 1: 'blocked', 2: 'friend', 3: 'friend' })
    })

    test('of one instant stand as the greatest event id says', async () => {
      await write('tie', [
        eventOf('tie', 1, 'unfollow', 9, 'b'),
        eventOf('tie', 1, 'follow', 9, 'a'),
        eventOf('tie', 2, 'unfollow', 9, 'a'),
        eventOf('tie', 2, 'follow', 9, 'b'),
      ])
      expect(await friendsOf('tie')).toEqual({ 1: 'blocked', 2: 'friend' })
    })

    test('are made by an import of followers, unless a later block is known', async () => {
      await write('block', [
        eventOf('import', 1, 'unfollow', 12),
        eventOf('import', 2, 'unfollow', 7),
      ])
      await write(
        'import',
        [1, 2, 3].map((number) => eventOf('import', number, 'import', 10)),
      )
      expect(await friendsOf('import')).toEqual({ 1: 'blocked', 2: 'friend', 3: 'friend' })
    })

    test('are kept apart by channel', async () => {
      await write('channels', [eventOf('one', 1, 'follow', 9), eventOf('two', 1, 'unfollow', 9)])
      expect(await friendsOf('one')).toEqual({ 1: 'friend' })
      expect(await friendsOf('two')).toEqual({ 1: 'blocked' })
    })
  })
}
