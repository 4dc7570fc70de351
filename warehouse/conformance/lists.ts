// Facts about uploaded lists: immutable tables that freeze as any other segment.
import { describe, expect, test } from 'vitest'
import { type ListRow } from '../list-rows.ts'
import { SegmentRefused } from '../port.ts'
import { deliveryAt, inChunks, userId, type Facts } from './under-test.ts'

/** States them. */
export function describeLists(use: Facts): void {
  describe('a list', () => {
    const row = (line: number, number: number, ...values: (string | null)[]): ListRow => ({
      line,
      userId: userId(number),
      values,
    })
    const write = (listId: string, columns: string[], rows: ListRow[]) =>
      use.warehouse.writeList(listId, columns, inChunks(rows))

    test('is told by its table, its columns and its distinct ids', async () => {
      const made = await write(
        'told',
        ['name', 'Points'],
        [row(2, 1, 'A', '1'), row(3, 2, 'B', '2')],
      )
      expect(made).toMatchObject({ table: 'list_told', columns: ['name', 'Points'], rows: 2 })
      expect(await use.warehouse.inspectList('told')).toEqual(made)
      expect(await use.warehouse.inspectList('never_made')).toBeUndefined()
    })

    test('freezes with its columns as variables, every text as it was', async () => {
      const { sql } = await write(
        'texts',
        ['name', 'code'],
        [row(2, 1, '山田, "太郎"', '007'), row(3, 2, "d'Or\n", null), row(4, 3, '', '1e3')],
      )
      expect(await use.rowsOf(sql, ['name', 'code'])).toEqual(
        new Map([
          [userId(1), { name: '山田, "太郎"', code: '007' }],
          [userId(2), { name: "d'Or\n", code: null }],
          [userId(3), { name: '', code: '1e3' }],
        ]),
      )
    })

    test('keeps of an id that stands there twice the smallest line, in whatever order they come', async () => {
      const rows = [
        row(9, 1, 'ninth'),
        row(2, 1, 'second'),
        row(5, 2, 'fifth'),
        row(7, 1, 'seventh'),
      ]
      const { sql, rows: kept } = await write('twice', ['v'], rows)
      expect(kept).toBe(2)
      expect(await use.rowsOf(sql, ['v'])).toEqual(
        new Map([
          [userId(1), { v: 'second' }],
          [userId(2), { v: 'fifth' }],
        ]),
      )
    })

    test('of ids alone is one as well, and can be narrowed by SQL', async () => {
      const { sql, table } = await write('plain', [], [row(1, 1), row(2, 2)])
      const narrowed = `SELECT user_id FROM ${table} WHERE user_id <> '${userId(1)}'`
      expect((await use.rowsOf(sql, [])).size).toBe(2)
      expect([...(await use.rowsOf(narrowed, [])).keys()]).toEqual([userId(2)])
    })

    test('stays as it was first written', async () => {
      const first = await write('first', ['v'], [row(2, 1, 'a')])
      expect(await write('first', ['v'], [row(2, 1, 'b'), row(3, 2, 'c')])).toEqual(first)
      expect(await use.rowsOf(first.sql, ['v'])).toEqual(new Map([[userId(1), { v: 'a' }]]))
    })

    test('is not there when its rows break off, and the error is told', async () => {
      const reason = new Error('Line 3 is no list.')
      async function* breaking(): AsyncGenerator<ListRow[]> {
        yield [row(2, 1)]
        throw reason
      }
      await expect(use.warehouse.writeList('broken', [], breaking())).rejects.toBe(reason)
      expect(await use.warehouse.inspectList('broken')).toBeUndefined()
      expect((await write('broken', [], [row(2, 1)])).rows).toBe(1)
    })

    test('that is dropped takes nothing from a plan that was frozen of it', async () => {
      const { sql } = await write('outlived', ['v'], [row(2, 1, 'a'), row(3, 2, 'b')])
      const deliveryId = 'of-an-outlived-list'
      const request = { deliveryId, attempt: 'a1', sql, variables: ['v'], deliveryAt }
      const plan = await use.warehouse.freeze(request)
      await use.warehouse.dropList('outlived')
      const read = await use.readAll(deliveryId, plan)
      expect(read.push.map(({ variables }) => variables).sort()).toEqual(['{"v":"a"}', '{"v":"b"}'])
      const found = await use.warehouse.reconcile(deliveryId, 'a1')
      expect(found).toMatchObject({ account: { planned: 2 }, withoutOutcome: 2 })
    })

    test('that is dropped is gone, and a segment of it is refused', async () => {
      const { sql } = await write('dropped', [], [row(2, 1)])
      await use.warehouse.dropList('dropped')
      await use.warehouse.dropList('dropped')
      expect(await use.warehouse.inspectList('dropped')).toBeUndefined()
      const refused = use.warehouse.freeze({
        deliveryId: 'of-a-dropped-list',
        attempt: 'a1',
        sql,
        variables: [],
        deliveryAt,
      })
      await expect(refused).rejects.toBeInstanceOf(SegmentRefused)
      await expect(refused).rejects.toMatchObject({ reason: 'unknown-table' })
    })
  })
}
