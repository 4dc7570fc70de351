// Facts about segments: what is told of one, and what is refused.
import { beforeAll, describe, expect, test } from 'vitest'
import { SegmentRefused } from '../port.ts'
import { deliveryAt, inChunks, userId, type Facts } from './under-test.ts'

/** States them. */
export function describeSegments(use: Facts): void {
  describe('a segment', () => {
    beforeAll(() => use.loadTable('friends', [{ user_id: userId(1), city: 'Osaka' }]))
    const inspect = (sql: string, variables: string[] = []) =>
      use.warehouse.inspectSegment(sql, variables)
    const refusal = async (sql: string, variables: string[] = []) => {
      const error: unknown = await inspect(sql, variables).catch((reason: unknown) => reason)
      if (error instanceof SegmentRefused) return error
      throw new Error(`The segment was not refused: ${sql}`)
    }

    test('is told by its columns and by whether it has rows', async () => {
      const found = await inspect('SELECT user_id, city FROM friends', ['city'])
      expect(found.columns.map((column) => column.name)).toEqual(['user_id', 'city'])
      expect(found.hasRows).toBe(true)
      expect((await inspect("SELECT user_id FROM friends WHERE city = 'Kobe'")).hasRows).toBe(false)
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

    test('reads the instant of its delivery, and now while it is looked at', async () => {
      const hours = (from: string, count: number) =>
        new Date(Date.parse(from) + count * 60 * 60 * 1000).toISOString()
      const clickOf = (number: number, at: string) => ({
        clickId: `instant-${number}`,
        at,
        deliveryId: 'd',
        campaignId: 'instant',
        channelId: '1',
        variant: null,
        linkId: '1',
        url: 'https://shop.example/',
        userId: userId(number),
      })
      const clicks = [
        clickOf(1, hours(deliveryAt, -2)),
        clickOf(2, hours(deliveryAt, 0)),
        clickOf(3, hours(new Date().toISOString(), -1)),
        clickOf(4, hours(new Date().toISOString(), 3)),
      ]
      await use.warehouse.writeClicks('instant', inChunks(clicks))
      const at = use.parameter('delivery_at')
      // What stands in a text or a comment is no parameter.
      const sql = `SELECT user_id, '${at}' AS word FROM click_log /* ${at} */
        WHERE campaign_id = 'instant' AND clicked_at < ${at} - INTERVAL 1 HOUR AND ${at} = ${at} -- ${at}`
      expect(await use.rowsOf(sql, ['word'])).toEqual(new Map([[userId(1), { word: at }]]))
      const isBefore = (number: number) =>
        inspect(
          `SELECT user_id FROM click_log WHERE click_id = 'instant-${number}' AND clicked_at < ${at}`,
        )
      expect((await isBefore(3)).hasRows).toBe(true)
      expect((await isBefore(4)).hasRows).toBe(false)
    })

    test('is refused with a parameter that LFM does not know', async () => {
      const sql = `SELECT user_id FROM friends WHERE city = ${use.parameter('city')}`
      const error = await refusal(sql)
      expect(error.reason).toBe('invalid-sql')
    })

    test.each([
      [
        'click_log',
        'click_id, clicked_at, delivery_id, campaign_id, channel_id, variant, link_id, url',
      ],
      ['friend_events', 'event_id, event_at, channel_id, kind'],
      ['line_friends', 'channel_id, status, changed_at, first_seen_at'],
      ['delivered_last_30_days', 'channel_id, campaign_id, delivery_id, delivered_at'],
      [
        'delivery_log',
        'delivery_id, campaign_id, channel_id, lane, request_no, ordinal, outcome, line_request_id, retry_key, outcome_at, reason',
      ],
    ])('reads %s with the columns that are promised', async (table, columns) => {
      const found = await inspect(`SELECT user_id, ${columns} FROM ${table}`)
      expect(found.columns.map((column) => column.name).join(', ')).toBe(`user_id, ${columns}`)
    })

    test('reads delivery_log before any delivery has ended', async () => {
      const sql = `SELECT user_id FROM delivery_log WHERE outcome = 'rejected'`
      expect((await inspect(sql)).hasRows).toBe(false)
    })
  })
}
