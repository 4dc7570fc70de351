// The embedded warehouse: the suite of all warehouses, and what is DuckDB's and the data folder's own.
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeWarehouse } from '../../warehouse/conformance.ts'
import {
  deliveryAt,
  userId,
  type TableRow,
  type WarehouseUnderTest,
} from '../../warehouse/conformance/under-test.ts'
import { createDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts'
import { SegmentRefused, type OutcomeRow, type Warehouse } from '../../warehouse/port.ts'

describeWarehouse('DuckDB', async (): Promise<WarehouseUnderTest> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'lfm-warehouse-'))
  const warehouse = createDuckDbWarehouse({ dataDir })
  return {
    warehouse,
    loadTable: (name, rows) => writeTable(dataDir, name, rows),
    async dispose() {
      await warehouse.close()
      await rm(dataDir, { recursive: true })
    },
  }
})

describe('the embedded warehouse', () => {
  let dataDir: string
  let warehouse: Warehouse
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'lfm-warehouse-'))
    warehouse = createDuckDbWarehouse({ dataDir })
  })
  afterEach(async () => {
    await warehouse.close()
    await rm(dataDir, { recursive: true })
  })

  const drop = async (path: string, text: string) => {
    const file = join(dataDir, 'tables', path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, text)
    return file
  }
  const freeze = (sql: string, variables: string[] = [], attempt = 'a1') =>
    warehouse.freeze({ deliveryId: 'd1', attempt, sql, variables, deliveryAt })
  const refusal = async (sql: string) => {
    const error: unknown = await warehouse
      .inspectSegment(sql, [])
      .catch((reason: unknown) => reason)
    if (error instanceof SegmentRefused) return error
    throw new Error(`The segment was not refused: ${sql}`)
  }
  const variablesOf = async (columns: string, names: string[]) => {
    await freeze(`SELECT '${userId(1)}' AS user_id, ${columns}`, names)
    const range = { deliveryId: 'd1', attempt: 'a1', lane: 'push' as const }
    const [request] = await warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 })
    return request?.variables
  }

  describe('keeps SQL of users away from everything but their tables', () => {
    test.each([
      ['a file of the machine', () => `SELECT content AS user_id FROM read_text('/etc/passwd')`],
      ['a file named as a table', () => `SELECT * FROM '/etc/hostname.csv'`],
      ['a folder listing', () => `SELECT file AS user_id FROM glob('/etc/*')`],
      [
        'the plan of another delivery',
        () => `SELECT * FROM read_parquet('${dataDir}/warehouse/plans/d1/a1/*.parquet')`,
      ],
      [
        'a path that climbs out',
        () => `SELECT content AS user_id FROM read_text('${dataDir}/tables/../secret.txt')`,
      ],
      [
        'a folder whose name begins like the tables',
        () => `SELECT content AS user_id FROM read_text('${dataDir}/tables-old/secret.txt')`,
      ],
    ])('reading %s is refused', async (_, sql) => {
      await drop('friends/a.csv', `user_id\n${userId(1)}\n`)
      await writeFile(join(dataDir, 'secret.txt'), 'secret')
      await drop('../tables-old/secret.txt', 'secret')
      await freeze('SELECT * FROM friends')
      expect((await refusal(sql())).message).toMatch(/Permission Error|does not exist/)
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
      expect((await refusal(sql)).reason).toBe('not-a-select')
    })

    test('a select after a setting is two statements', async () => {
      const error = await refusal('SET threads = 1; SELECT 1 AS user_id')
      expect(error.reason).toBe('not-one-statement')
    })
  })

  describe('makes tables of the folders in tables/', () => {
    test('a CSV in Japanese with quotes and several files is one table', async () => {
      await drop('members/a.csv', `user_id,name\n${userId(1)},"山田, ""太郎"""\n`)
      await drop('members/b.csv', `user_id,name,city\n${userId(2)},花子,大阪\n`)
      const plan = await freeze('SELECT * FROM members', ['name', 'city'])
      const range = { deliveryId: 'd1', attempt: 'a1', lane: 'push' as const }
      const requests = await warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 2 })
      expect(plan.lanes.push.requests).toBe(2)
      expect(requests.map((request) => request.variables)).toEqual([
        '{"city":"大阪","name":"花子"}',
        '{"city":null,"name":"山田, \\"太郎\\""}',
      ])
    })

    test('hidden and half-written files are not read, and a folder without files is no table', async () => {
      await drop('members/a.csv', `user_id\n${userId(1)}\n`)
      await drop('members/.b.csv', `user_id\n${userId(2)}\n`)
      await drop('members/c.csv.tmp', `user_id\n${userId(3)}\n`)
      await drop('members/d.parquet.tmp', 'not parquet')
      await drop('empty/readme.txt', 'nothing')
      await drop('not a name!/a.csv', 'x\n1\n')
      expect((await freeze('SELECT * FROM members')).audience.segmentRows).toBe(1)
      const error = await refusal('SELECT * FROM empty')
      expect(error.message).toMatch(/The tables are: delivery_log, members\./)
    })

    test('a folder of Parquet and CSV is refused with a sentence, the others are read', async () => {
      await drop('members/a.csv', `user_id\n${userId(1)}\n`)
      await drop('mixed/a.csv', 'user_id\n1\n')
      await drop('mixed/a.parquet', 'anything')
      await drop('broken/a.parquet', 'this is not a Parquet file')
      expect((await refusal('SELECT * FROM mixed')).message).toMatch(/keep one kind/)
      expect((await refusal('SELECT * FROM broken')).message).toMatch(/broken can't be read/)
      expect((await freeze('SELECT * FROM members')).audience.planned).toBe(1)
    })

    test('names with signs that the engine takes for wildcards are read as they are', async () => {
      await drop(`members/it's [1]*.csv`, `user_id\n${userId(1)}\n`)
      await drop(`members/it's 1x.csv`, `user_id\n${userId(2)}\n`)
      expect((await freeze('SELECT * FROM members')).audience.segmentRows).toBe(2)
    })
  })

  describe('writes variables so that equal values are equal bytes', () => {
    test('numbers', async () => {
      const columns = `1::TINYINT a, 9007199254740993::BIGINT b, -9007199254740991::BIGINT c,
        'nan'::DOUBLE d, '-inf'::FLOAT e, 0.1::FLOAT f, 1.50::DECIMAL(10,2) g, 12345678901234567890123::HUGEINT h`
      expect(await variablesOf(columns, ['h', 'g', 'f', 'e', 'd', 'c', 'b', 'a'])).toBe(
        '{"a":1,"b":"9007199254740993","c":-9007199254740991,"d":null,"e":null,"f":0.1,"g":1.5,"h":"12345678901234567890123"}',
      )
    })

    test('dates and instants, whatever the time zone of the machine', async () => {
      const columns = `DATE '2026-01-02' a, TIMESTAMP '2026-01-02 03:04:05' b, TIMESTAMPTZ '2026-01-02 03:04:05.5+09' c`
      expect(await variablesOf(columns, ['a', 'b', 'c'])).toBe(
        '{"a":"2026-01-02","b":"2026-01-02T03:04:05","c":"2026-01-01T18:04:05.5Z"}',
      )
    })

    test('lists, structs, JSON, booleans and nothing', async () => {
      const columns = `[1, 2] a, {'x': 'y', 'n': 'nan'::DOUBLE} b, '{"k":1}'::JSON c, true d, NULL e, 'it''s' f`
      expect(await variablesOf(columns, ['a', 'b', 'c', 'd', 'e', 'f'])).toBe(
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
      const json = await variablesOf(`v: ${sql}`, ['v'])
      expect(JSON.parse(json ?? '')).toEqual({ v: value })
    })

    test('a mistake after it is told at its place', async () => {
      await drop('members/a.csv', `user_id\n${userId(1)}\n`)
      const error = await refusal('SELECT user_id FROM members WHERE $delivery_at > nothing_like')
      expect(error.position).toEqual({ line: 1, column: 50 })
    })

    test.each([['$1'], ['?'], ['$delivery_att'], ['$at']])('%s is refused', async (parameter) => {
      const error = await refusal(`SELECT ${parameter} AS user_id, $delivery_at AS at`)
      expect(error.message).toMatch(/only parameter of a segment is \$delivery_at/)
    })
  })

  test.each([['click_log'], ['Line_Friends'], ['list_of_mine']])(
    'a folder %s is not read, and told so',
    async (folder) => {
      await drop(`${folder}/a.csv`, `user_id\n${userId(1)}\n`)
      await drop('members/a.csv', `user_id\n${userId(1)}\n`)
      const listed = await refusal('SELECT * FROM nowhere')
      expect(listed.message).toMatch(/The tables are: delivery_log, members\./)
      expect((await warehouse.inspectSegment('SELECT * FROM members', [])).hasRows).toBe(true)
    },
  )

  test('SQL of users reads uploaded lists and no other file of theirs', async () => {
    async function* rows() {
      yield [{ line: 1, userId: userId(1), values: [] }]
    }
    const { sql } = await warehouse.writeList('vip', [], rows())
    expect((await freeze(sql)).audience.planned).toBe(1)
    await drop('../warehouse/elsewhere/a.csv', 'secret')
    const error = await refusal(
      `SELECT content AS user_id FROM read_text('${dataDir}/warehouse/elsewhere/a.csv')`,
    )
    expect(error.message).toMatch(/Permission Error/)
  })

  test.each([[['a', 'A']], [['user_id']], [['氏名']], [['a b']], [['']]])(
    'a list with the columns %j is not made',
    async (columns) => {
      async function* rows() {
        yield []
      }
      await expect(warehouse.writeList('odd', columns, rows())).rejects.toThrow(/column of a list/)
    },
  )

  test('a list of many rows is made within the memory of the engine', async () => {
    const small = createDuckDbWarehouse({ dataDir, memoryLimit: '64MB' })
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
    await drop('members/a.csv', `user_id,age\n${userId(1)},old\n`)
    const error: unknown = await freeze('SELECT user_id, CAST(age AS INT) AS age FROM members', [
      'age',
    ]).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SegmentRefused)
    expect(String(error)).toMatch(/Conversion Error, in the column age\./)
  })

  test('a long segment stops when its freeze is aborted', async () => {
    const stop = new AbortController()
    const sql = `SELECT 'U' || md5(max(a.range * b.range)::VARCHAR) AS user_id FROM range(10000000) a, range(10000000) b`
    const freezing = warehouse.freeze(
      { deliveryId: 'd1', attempt: 'a1', sql, variables: [], deliveryAt },
      stop.signal,
    )
    const folder = join(dataDir, 'warehouse/plans/d1')
    const made = async () => (await readdir(folder).catch(() => [])).length
    await expect.poll(made, { timeout: 20_000 }).toBe(1)
    stop.abort(new Error('The worker stops.'))
    await expect(freezing).rejects.toThrow('The worker stops.')
    expect(await readdir(folder)).toEqual([])
  })

  test('a plan cut into many pieces is numbered as one', async () => {
    const sql = `SELECT 'U' || md5((range // 2)::VARCHAR) AS user_id, CASE
        WHEN range % 3 = 0 THEN 'one' WHEN range % 3 = 1 THEN 'v' || range // 27 ELSE range::VARCHAR END AS v
      FROM range(1200000)`
    const plan = await freeze(sql, ['v'])
    expect(plan.audience).toMatchObject({ segmentRows: 1_200_000, duplicates: 600_000 })
    const files = await readdir(join(dataDir, 'warehouse/plans/d1/a1'))
    expect(files.filter((file) => file.startsWith('push-')).length).toBeGreaterThan(1)
    expect(files.filter((file) => file.startsWith('multicast-')).length).toBeGreaterThan(1)
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    const glob = (lane: string) =>
      `read_parquet('${dataDir}/warehouse/plans/d1/a1/${lane}-*.parquet')`
    // The same plan by windows over everything, which only a test can afford.
    const expected = `
      WITH users AS (SELECT user_id, min(json_object('v', v)::VARCHAR) AS variables FROM (${sql}) GROUP BY 1),
      sized AS (SELECT *, count(*) OVER (PARTITION BY variables) AS size,
        row_number() OVER (PARTITION BY variables ORDER BY user_id) - 1 AS place FROM users)`
    const multicast = `${expected} SELECT dense_rank() OVER (ORDER BY variables, place // 500) - 1 AS request_no,
      place % 500 AS ordinal, user_id, variables FROM sized WHERE size >= 10`
    const push = `${expected} SELECT row_number() OVER (ORDER BY variables, user_id) - 1 AS request_no,
      0 AS ordinal, user_id, variables FROM sized WHERE size < 10`
    for (const [lane, rows] of [
      ['multicast', multicast],
      ['push', push],
    ] as const) {
      const reader = await connection.runAndReadAll(`
        SELECT (SELECT count(*) FROM (${rows} EXCEPT ALL SELECT * FROM ${glob(lane)})),
          (SELECT count(*) FROM ${glob(lane)}) - (SELECT count(*) FROM (${rows}))`)
      expect(reader.getRows()).toEqual([[0n, 0n]])
    }
    connection.closeSync()
    instance.closeSync()
  })

  test('a part whose rows break off leaves no file, and the next reader sees none', async () => {
    await freeze(`SELECT '${userId(1)}' AS user_id`)
    async function* breaking(): AsyncGenerator<OutcomeRow[]> {
      yield []
      throw new Error('The ledger went away.')
    }
    const part = { deliveryId: 'd1', lane: 'multicast' as const, page: '0', round: 0 }
    await expect(warehouse.writePart(part, breaking())).rejects.toThrow('The ledger went away.')
    const folder = join(dataDir, 'warehouse/parts/d1')
    expect(await readdir(folder)).toEqual([])
    await writeFile(join(folder, '.multicast-0-0.parquet.x.tmp'), 'half a file')
    expect((await warehouse.reconcile('d1', 'a1')).withoutOutcome).toBe(1)
  })

  test.each([
    ['cut short', async (path: string) => truncate(path, 200)],
    ['cut within its rows', async (path: string) => cutOutMiddle(path)],
    ['emptied', async (path: string) => truncate(path, 0)],
    ['deleted', async (path: string) => rm(path)],
  ])(
    'a part that was %s is missing, and exact again when it is written again',
    async (how, damage) => {
      await freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(30000)`)
      const write = (page: number) => warehouse.writePart(aPart(page), partRows(page))
      for (const page of [0, 1, 2]) await write(page)
      expect((await warehouse.reconcile('d1', 'a1')).isExact).toBe(true)
      const path = join(dataDir, 'warehouse/parts/d1/multicast-1-0.parquet')
      await damage(path)
      const found = await warehouse.reconcile('d1', 'a1')
      expect(found).toMatchObject({
        isExact: false,
        withoutOutcome: 10_000,
        account: { planned: 30_000, accepted: 20_000 },
      })
      expect(found.unreadableParts).toBe(how === 'deleted' ? 0 : 1)
      await write(1)
      expect(await warehouse.reconcile('d1', 'a1')).toMatchObject({
        isExact: true,
        unreadableParts: 0,
      })
    },
  )

  test('a plan that lost a file is waited for, and no delivery is taken as untrue for it', async () => {
    await freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(30000)`)
    for (const page of [0, 1, 2]) await warehouse.writePart(aPart(page), partRows(page))
    const file = join(dataDir, 'warehouse/plans/d1/a1/multicast-000000000-000000060.parquet')
    await rename(file, `${file}.away`)
    await expect(warehouse.reconcile('d1', 'a1')).rejects.toThrow(/does not hold its 30000/)
    await rename(`${file}.away`, file)
    expect((await warehouse.reconcile('d1', 'a1')).isExact).toBe(true)
  })

  test('a plan that lost a file is not sent', async () => {
    await freeze(`SELECT '${userId(1)}' AS user_id`)
    await rm(join(dataDir, 'warehouse/plans/d1/a1/multicast-000000000-000000001.parquet'))
    const range = { deliveryId: 'd1', attempt: 'a1', lane: 'multicast' as const }
    await expect(
      warehouse.readRequests({ ...range, fromRequest: 0, toRequest: 1 }),
    ).rejects.toThrow(/Don't send/)
  })

  test('an attempt that freezes twice keeps its first plan', async () => {
    const first = await freeze(`SELECT '${userId(1)}' AS user_id`)
    const second = await freeze(`SELECT '${userId(2)}' AS user_id`)
    expect(second).toEqual(first)
  })

  test('names that would leave the data folder are refused', async () => {
    const sql = `SELECT '${userId(1)}' AS user_id`
    await expect(
      warehouse.freeze({ deliveryId: '../d1', attempt: 'a1', sql, variables: [], deliveryAt }),
    ).rejects.toThrow(/can't be part of a file name/)
  })

  test('many batches are read at once', async () => {
    await freeze(`SELECT 'U' || md5(range::VARCHAR) AS user_id FROM range(20000)`)
    const batches = await Promise.all(
      Array.from({ length: 40 }, (_, requestNo) =>
        warehouse.readRequests({
          deliveryId: 'd1',
          attempt: 'a1',
          lane: 'multicast',
          fromRequest: requestNo,
          toRequest: requestNo + 1,
        }),
      ),
    )
    expect(new Set(batches.flatMap(([request]) => request?.userIds ?? [])).size).toBe(20_000)
  })

  test('closing removes what was spilled and ends further use', async () => {
    await freeze(`SELECT '${userId(1)}' AS user_id`)
    await warehouse.close()
    expect(await readdir(join(dataDir, 'warehouse/tmp'))).toEqual([])
    await expect(warehouse.reconcile('d1', 'a1')).rejects.toThrow(/closed/)
    const plan: unknown = JSON.parse(
      await readFile(join(dataDir, 'warehouse/plans/d1/a1/plan.json'), 'utf8'),
    )
    expect(plan).toMatchObject({ attempt: 'a1' })
  })
})

const aPart = (page: number) => ({
  deliveryId: 'd1',
  lane: 'multicast' as const,
  page: String(page),
  round: 0,
})

/** Outcomes of the twenty requests of a page, two rows each. */
async function* partRows(page: number): AsyncGenerator<OutcomeRow[]> {
  yield Array.from({ length: 40 }, (_, index) => ({
    lane: 'multicast' as const,
    requestNo: page * 20 + Math.floor(index / 2),
    fromOrdinal: (index % 2) * 250,
    toOrdinal: (index % 2) * 250 + 250,
    outcome: 'accepted' as const,
    lineRequestId: `line-${page}-${index}`,
    retryKey: null,
    at: '2026-11-22T10:00:00.000Z',
    reason: null,
  }))
}

/** Overwrites what lies between head and foot, as a disk that lost a block leaves it. */
async function cutOutMiddle(path: string): Promise<void> {
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(Math.floor(size / 3)), 0, Math.floor(size / 3), 8)
  await file.close()
}

async function writeTable(dataDir: string, name: string, rows: readonly TableRow[]): Promise<void> {
  const folder = join(dataDir, 'tables', name)
  await mkdir(folder, { recursive: true })
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const types = columns.map((column) => {
    const isNumber = rows.some((row) => typeof row[column] === 'number')
    return `"${column}": '${isNumber ? 'BIGINT' : 'VARCHAR'}'`
  })
  const json = join(dataDir, `${name}.json`)
  await writeFile(json, rows.map((row) => JSON.stringify(row)).join('\n'))
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT * FROM read_ndjson('${json}', columns = {${types.join(', ')}})) TO '${folder}/rows.parquet'`,
  )
  connection.closeSync()
  instance.closeSync()
  await rm(json)
}
