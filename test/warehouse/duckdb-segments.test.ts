// What SQL of users may read in the embedded warehouse, and what its rows become.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deliveryAt, userId } from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { SegmentRefused } from '../../warehouse/port.ts'
import { type EmbeddedWarehouse, openEmbeddedWarehouse } from './embedded-warehouse.ts'

let embedded: EmbeddedWarehouse
beforeEach(async () => {
  embedded = await openEmbeddedWarehouse()
})
afterEach(() => embedded[Symbol.asyncDispose]())

describe('keeps SQL of users away from everything but their tables', () => {
  test.each([
    ['a file of the machine', () => `SELECT content AS user_id FROM read_text('/etc/passwd')`],
    ['a file named as a table', () => `SELECT * FROM '/etc/hostname.csv'`],
    ['a folder listing', () => `SELECT file AS user_id FROM glob('/etc/*')`],
    [
      'the plan of another delivery',
      () => `SELECT * FROM read_parquet('${embedded.dataDir}/warehouse/plans/d1/a1/*.parquet')`,
    ],
    [
      'a path that climbs out',
      () => `SELECT content AS user_id FROM read_text('${embedded.dataDir}/tables/../secret.txt')`,
    ],
    [
      'a folder whose name begins like the tables',
      () => `SELECT content AS user_id FROM read_text('${embedded.dataDir}/tables-old/secret.txt')`,
    ],
  ])('reading %s is refused', async (_, sql) => {
    await embedded.drop('friends/a.csv', `user_id\n${userId(1)}\n`)
    await writeFile(join(embedded.dataDir, 'secret.txt'), 'secret')
    await embedded.drop('../tables-old/secret.txt', 'secret')
    await embedded.freeze('SELECT * FROM friends')
    expect((await embedded.refusal(sql())).message).toMatch(/Permission Error|does not exist/)
  })

  test.each([
    [`COPY (SELECT 1) TO '/tmp/lfm-never.csv'`],
    [`ATTACH '/tmp/lfm-never.db'`],
    ['INSTALL httpfs'],
    ['LOAD httpfs'],
    ['PRAGMA database_list'],
    ['SET enable_external_access = true'],
    ['CREATE TABLE t AS SELECT 1'],
    ['DROP VIEW delivery_log'],
    ['EXPLAIN SELECT 1'],
  ])('%s is no select', async (sql) => {
    expect((await embedded.refusal(sql)).reason).toBe('not-a-select')
  })

  test('a select after a setting is two statements', async () => {
    const error = await embedded.refusal('SET threads = 1; SELECT 1 AS user_id')
    expect(error.reason).toBe('not-one-statement')
  })
})

describe('makes tables of the folders in tables/', () => {
  test('a CSV in Japanese with quotes and several files is one table', async () => {
    await embedded.drop('members/a.csv', `user_id,name\n${userId(1)},"山田, ""太郎"""\n`)
    await embedded.drop('members/b.csv', `user_id,name,city\n${userId(2)},花子,大阪\n`)
    const plan = await embedded.freeze('SELECT * FROM members', ['name', 'city'])
    const range = { deliveryId: 'd1', attempt: 'a1', lane: 'push' as const }
    const requests = await embedded.warehouse.readRequests({
      ...range,
      fromRequest: 0,
      toRequest: 2,
    })
    expect(plan.lanes.push.requests).toBe(2)
    expect(requests.map((request) => request.variables)).toEqual([
      '{"city":"大阪","name":"花子"}',
      '{"city":null,"name":"山田, \\"太郎\\""}',
    ])
  })

  test('hidden and half-written files are not read, and a folder without files is no table', async () => {
    await embedded.drop('members/a.csv', `user_id\n${userId(1)}\n`)
    await embedded.drop('members/.b.csv', `user_id\n${userId(2)}\n`)
    await embedded.drop('members/c.csv.tmp', `user_id\n${userId(3)}\n`)
    await embedded.drop('members/d.parquet.tmp', 'not parquet')
    await embedded.drop('empty/readme.txt', 'nothing')
    await embedded.drop('not a name!/a.csv', 'x\n1\n')
    expect((await embedded.freeze('SELECT * FROM members')).audience.segmentRows).toBe(1)
    const error = await embedded.refusal('SELECT * FROM empty')
    expect(error.message).toMatch(/The tables are: delivery_log, members\./)
  })

  test('a folder of Parquet and CSV is refused with a sentence, the others are read', async () => {
    await embedded.drop('members/a.csv', `user_id\n${userId(1)}\n`)
    await embedded.drop('mixed/a.csv', 'user_id\n1\n')
    await embedded.drop('mixed/a.parquet', 'anything')
    await embedded.drop('broken/a.parquet', 'this is not a Parquet file')
    expect((await embedded.refusal('SELECT * FROM mixed')).message).toMatch(/keep one kind/)
    expect((await embedded.refusal('SELECT * FROM broken')).message).toMatch(/broken can't be read/)
    expect((await embedded.freeze('SELECT * FROM members')).audience.planned).toBe(1)
  })

  test('names with signs that the engine takes for wildcards are read as they are', async () => {
    await embedded.drop(`members/it's [1]*.csv`, `user_id\n${userId(1)}\n`)
    await embedded.drop(`members/it's 1x.csv`, `user_id\n${userId(2)}\n`)
    expect((await embedded.freeze('SELECT * FROM members')).audience.segmentRows).toBe(2)
  })
})

describe('writes variables so that equal values are equal bytes', () => {
  test('numbers', async () => {
    const columns = `1::TINYINT a, 9007199254740993::BIGINT b, -9007199254740991::BIGINT c,
      'nan'::DOUBLE d, '-inf'::FLOAT e, 0.1::FLOAT f, 1.50::DECIMAL(10,2) g, 12345678901234567890123::HUGEINT h`
    expect(await embedded.variablesOf(columns, ['h', 'g', 'f', 'e', 'd', 'c', 'b', 'a'])).toBe(
      '{"a":1,"b":"9007199254740993","c":-9007199254740991,"d":null,"e":null,"f":0.1,"g":1.5,"h":"12345678901234567890123"}',
    )
  })

  test('dates and instants, whatever the time zone of the machine', async () => {
    const columns = `DATE '2026-01-02' a, TIMESTAMP '2026-01-02 03:04:05' b, TIMESTAMPTZ '2026-01-02 03:04:05.5+09' c`
    expect(await embedded.variablesOf(columns, ['a', 'b', 'c'])).toBe(
      '{"a":"2026-01-02","b":"2026-01-02T03:04:05","c":"2026-01-01T18:04:05.5Z"}',
    )
  })

  test('lists, structs, JSON, booleans and nothing', async () => {
    const columns = `[1, 2] a, {'x': 'y', 'n': 'nan'::DOUBLE} b, '{"k":1}'::JSON c, true d, NULL e, 'it''s' f`
    expect(await embedded.variablesOf(columns, ['a', 'b', 'c', 'd', 'e', 'f'])).toBe(
      `{"a":[1,2],"b":{"x":"y","n":null},"c":{"k":1},"d":true,"e":null,"f":"it's"}`,
    )
  })
})

describe('puts the instant of the delivery in place of $delivery_at, and nowhere else', () => {
  test.each([
    [`'$delivery_at'`, '$delivery_at'],
    [`'it''s $delivery_at'`, `it's $delivery_at`],
    [String.raw`E'\'$delivery_at'`, `'$delivery_at`],
    [`$$ $delivery_at $$`, ' $delivery_at '],
    [`$x$ $$ $delivery_at $x$`, ' $$ $delivery_at '],
    [`/* /* ' */ $delivery_at ' */ 'a'`, 'a'],
    [`'大阪' -- it's $delivery_at\n || $Delivery_At::DATE`, '大阪2026-11-22'],
    [`"$delivery_at" FROM (SELECT 'named' AS "$delivery_at")`, 'named'],
    [`year($delivery_at)::VARCHAR||$delivery_at::DATE`, '20262026-11-22'],
    [`CASE WHEN DATE '2026-11-01' > $delivery_at - INTERVAL 30 DAY THEN 'late' END`, 'late'],
  ])('%s', async (sql, value) => {
    const json = await embedded.variablesOf(`v: ${sql}`, ['v'])
    expect(JSON.parse(json ?? '')).toEqual({ v: value })
  })

  test('a mistake after it is told at its place', async () => {
    await embedded.drop('members/a.csv', `user_id\n${userId(1)}\n`)
    const error = await embedded.refusal(
      'SELECT user_id FROM members WHERE $delivery_at > nothing_like',
    )
    expect(error.position).toEqual({ line: 1, column: 50 })
  })

  test.each([['$1'], ['?'], ['$delivery_att'], ['$at']])('%s is refused', async (parameter) => {
    const error = await embedded.refusal(`SELECT ${parameter} AS user_id, $delivery_at AS at`)
    expect(error.message).toMatch(/only parameter of a segment is \$delivery_at/)
  })
})

test.each([['click_log'], ['Line_Friends'], ['list_of_mine']])(
  'a folder %s is not read, and told so',
  async (folder) => {
    await embedded.drop(`${folder}/a.csv`, `user_id\n${userId(1)}\n`)
    await embedded.drop('members/a.csv', `user_id\n${userId(1)}\n`)
    const listed = await embedded.refusal('SELECT * FROM nowhere')
    expect(listed.message).toMatch(/The tables are: delivery_log, members\./)
    expect((await embedded.warehouse.inspectSegment('SELECT * FROM members', [])).hasRows).toBe(
      true,
    )
  },
)

test('SQL of users reads uploaded lists and no other file of theirs', async () => {
  async function* rows() {
    yield [{ line: 1, userId: userId(1), values: [] }]
  }
  const { sql } = await embedded.warehouse.writeList('vip', [], rows())
  expect((await embedded.freeze(sql)).audience.planned).toBe(1)
  await embedded.drop('../warehouse/elsewhere/a.csv', 'secret')
  const error = await embedded.refusal(
    `SELECT content AS user_id FROM read_text('${embedded.dataDir}/warehouse/elsewhere/a.csv')`,
  )
  expect(error.message).toMatch(/Permission Error/)
})

test.each([[['a', 'A']], [['user_id']], [['氏名']], [['a b']], [['']]])(
  'a list with the columns %j is not made',
  async (columns) => {
    async function* rows() {
      yield []
    }
    await expect(embedded.warehouse.writeList('odd', columns, rows())).rejects.toThrow(
      /column of a list/,
    )
  },
)

test('a list of many rows is made within the memory of the engine', async () => {
  const small = createDuckDbWarehouse({ dataDir: embedded.dataDir, memoryLimit: '64MB' })
  async function* rows() {
    for (let from = 0; from < 300_000; from += 10_000)
      yield Array.from({ length: 10_000 }, (_, n) => ({
        line: from + n,
        userId: userId((from + n) % 200_000),
        values: [`name of ${from + n}`, null],
      }))
  }
  const made = await small.writeList('large', ['name', 'note'], rows())
  await small.close()
  expect(made.rows).toBe(200_000)
})

test('a segment that fails while it runs is refused with the kind of error and the column', async () => {
  await embedded.drop('members/a.csv', `user_id,age\n${userId(1)},old\n`)
  const error: unknown = await embedded
    .freeze('SELECT user_id, CAST(age AS INT) AS age FROM members', ['age'])
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SegmentRefused)
  expect(String(error)).toMatch(/Conversion Error, in the column age\./)
})

test('a long segment stops when its freeze is aborted', async () => {
  const stop = new AbortController()
  const sql = `SELECT 'U' || md5(max(a.range * b.range)::VARCHAR) AS user_id FROM range(10000000) a, range(10000000) b`
  const freezing = embedded.warehouse.freeze(
    { deliveryId: 'd1', attempt: 'a1', sql, variables: [], deliveryAt },
    stop.signal,
  )
  const folder = join(embedded.dataDir, 'warehouse/plans/d1')
  const made = async () => (await readdir(folder).catch(() => [])).length
  await expect.poll(made, { timeout: 20_000 }).toBe(1)
  stop.abort(new Error('The worker stops.'))
  await expect(freezing).rejects.toThrow('The worker stops.')
  expect(await readdir(folder)).toEqual([])
})
