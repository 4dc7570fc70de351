// Facts about segments: what is told of one, and what is refused.
import { beforeAll, describe, expect, test } from 'vitest'
import { SegmentRefused } from '../port.ts'
import { userId, type Facts } from './under-test.ts'

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

    test('reads delivery_log before any delivery has ended', async () => {
      const sql = `SELECT user_id FROM delivery_log WHERE outcome = 'rejected'`
      expect((await inspect(sql)).hasRows).toBe(false)
    })
  })
}
