// GoogleSQL: what is translated means what BigQuery means, and what is not is refused with its place.
import { expect, test } from 'vitest'
import { openBigQuery } from './open-bigquery.ts'

const means: [string, unknown[]][] = [
  ["SELECT FARM_FINGERPRINT('1footrue')", ['-1541654101129638711']],
  [
    "SELECT TO_HEX(MD5('a')), LENGTH('日本'), BYTE_LENGTH('日本')",
    ['0cc175b9c0f1b6a831c399e269772661', '2', '6'],
  ],
  [
    "SELECT SAFE_CAST('x' AS INT64), SAFE_CAST('1.5' AS INT64), CAST('7' AS INT64), CAST(2.5 AS INT64)",
    [null, null, '7', '3'],
  ],
  ['SELECT CAST(3.0 AS STRING), CAST(1.5 AS STRING), CAST(TRUE AS STRING)', ['3', '1.5', 'true']],
  [
    "SELECT CONCAT('a', NULL), 'a' || 'b', IFNULL(NULL, 'c'), IF(1 > 2, 'x', 'y')",
    [null, 'ab', 'c', 'y'],
  ],
  [
    'SELECT GREATEST(1, NULL), LEAST(2, 1), DIV(7, 2), MOD(-7, 3), 7 / 2',
    [null, '1', '3', '-1', '3.5'],
  ],
  ["SELECT STRING_AGG(x, '-' ORDER BY x DESC) FROM UNNEST(['a', 'b']) AS x", ['b-a']],
  [
    'SELECT ARRAY_AGG(x IGNORE NULLS ORDER BY x) FROM UNNEST([2, NULL, 1]) AS x',
    [[{ v: '1' }, { v: '2' }]],
  ],
  [
    'SELECT COUNTIF(x > 1), COUNT(DISTINCT x), SUM(x), LOGICAL_OR(x = 3) FROM UNNEST([1, 2, 2]) AS x',
    ['2', '2', '5', 'false'],
  ],
  ['SELECT COUNTIF(x > 1), COUNT(*) FROM UNNEST([1, 2]) AS x WHERE x > 5', ['0', '0']],
  ["SELECT SPLIT('a-b', '-')[OFFSET(1)], SPLIT('a-b', '-')[SAFE_OFFSET(5)]", ['b', null]],
  [
    "SELECT REGEXP_EXTRACT('ab12', r'\\d+'), REGEXP_EXTRACT('ab12', r'a(.)'), REGEXP_EXTRACT('ab', r'\\d'), REGEXP_CONTAINS('ab', 'b$')",
    ['12', 'b', null, 'true'],
  ],
  ['SELECT RANGE_BUCKET(5, GENERATE_ARRAY(0, 10, 5)), ARRAY_LENGTH([1, 2])', ['2', '2']],
  [
    "SELECT DATE_DIFF(DATE '2026-03-01', DATE '2026-02-01', DAY), DATE_ADD(DATE '2026-01-31', INTERVAL 1 MONTH), DATE_SUB(DATE '2026-01-01', INTERVAL 1 DAY)",
    ['28', '2026-02-28', '2025-12-31'],
  ],
  [
    "SELECT DATE(TIMESTAMP '2026-01-01 20:00:00+00', 'Asia/Tokyo'), EXTRACT(HOUR FROM TIMESTAMP '2026-01-01 20:00:00+00' AT TIME ZONE 'Asia/Tokyo')",
    ['2026-01-02', '5'],
  ],
  [
    "SELECT UNIX_MILLIS(TIMESTAMP '1970-01-01 00:00:01.5+00'), FORMAT_DATE('%Y/%m', DATE '2026-01-02')",
    ['1500', '2026/01'],
  ],
  [
    "SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 02:59:00+00', TIMESTAMP '2026-01-01 00:00:00+00', HOUR)",
    ['2'],
  ],
  [
    `SELECT JSON_VALUE('{"a": {"b": 1}}', '$.a.b'), JSON_VALUE('{"a": {}}', '$.a'), JSON_QUERY('{"a":{"b":1}}', '$.a')`,
    ['1', null, '{"b":1}'],
  ],
  ["SELECT FORMAT('%s-%05d-%d', 'a', 7, 8)", ['a-00007-8']],
  ["SELECT SAFE.PARSE_DATE('%Y-%m-%d', 'none'), SAFE_DIVIDE(1, 0)", [null, null]],
  ['SELECT x, o FROM UNNEST([5, 6]) AS x WITH OFFSET AS o ORDER BY o DESC LIMIT 1', ['6', '1']],
  [
    'SELECT 2 IN UNNEST([1, 2]), EXISTS (SELECT 1), (SELECT MAX(x) FROM UNNEST([1, 3]) AS x)',
    ['true', 'true', '3'],
  ],
  ['SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b)', ['1']],
  ['SELECT x FROM UNNEST([1, 2]) AS x EXCEPT DISTINCT SELECT 1', ['2']],
  ['SELECT x FROM UNNEST([3, NULL]) AS x ORDER BY x LIMIT 1', [null]],
  ['SELECT x FROM UNNEST([3, 1]) AS x QUALIFY ROW_NUMBER() OVER (ORDER BY x) = 2', ['3']],
  ["SELECT s.name FROM (SELECT STRUCT('Ann' AS name, 3 AS age) AS s)", ['Ann']],
  ["SELECT \"it's\", 'a\\tb', r'\\n', '''x'y'''", ["it's", 'a\tb', '\\n', "x'y"]],
]

test.each(means)('%s', async (query, row) => {
  await using bigquery = await openBigQuery()
  expect((await bigquery.values(query))[0]).toEqual(row)
})

const formats: [string, string | null][] = [
  [
    "FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S', TIMESTAMP '2026-01-02 03:04:05.50+00', 'UTC')",
    '2026-01-02T03:04:05.5',
  ],
  [
    "FORMAT_TIMESTAMP('%F %T', TIMESTAMP '2026-01-02 20:00:00+00', 'Asia/Tokyo')",
    '2026-01-03 05:00:00',
  ],
  ["FORMAT_DATETIME('%H:%M:%E3S', DATETIME '2026-01-02 03:04:05.5')", '03:04:05.500'],
  ["FORMAT_TIME('%H:%M:%E*S', TIME '03:04:05')", '03:04:05'],
  ["FORMAT_DATE('%Y/%m', NULL)", null],
  ["CONCAT('a', CHR(10), IF(IS_NAN(1.5) OR IS_INF(1.5), 'x', 'y'))", 'a\ny'],
]

test.each(formats)('%s is %s', async (value, written) => {
  await using bigquery = await openBigQuery()
  expect(await bigquery.values(`SELECT ${value}`)).toEqual([[written]])
})

const json: [string, string][] = [
  ["'a\"b\\n'", '"a\\"b\\n"'],
  ["'\\u001f\\u2028'", '"\\u001f\\u2028"'],
  ['9007199254740992', '9007199254740992'],
  ['9007199254740993', '"9007199254740993"'],
  ['3.0', '3'],
  ['1.5', '1.5'],
  ["CAST('NaN' AS FLOAT64)", '"NaN"'],
  ["NUMERIC '1.50'", '"1.5"'],
  ["NUMERIC '2'", '2'],
  ["TIMESTAMP '2026-01-02 03:04:05.5+00'", '"2026-01-02T03:04:05.5Z"'],
  ["DATE '2026-01-02'", '"2026-01-02"'],
  ['CAST(NULL AS STRING)', 'null'],
  ["['a', 'b']", '["a","b"]'],
  ["STRUCT('x' AS name, 1.0 AS score, NULL AS nothing)", '{"name":"x","score":1,"nothing":null}'],
]

test.each(json)('TO_JSON_STRING(%s) is %s', async (value, text) => {
  await using bigquery = await openBigQuery()
  expect(await bigquery.values(`SELECT TO_JSON_STRING(${value})`)).toEqual([[text]])
})

const refusals: [string, string][] = [
  ['SELECT list_transform([1], x -> x)', 'does not know the function LIST_TRANSFORM at [1:8]'],
  ["SELECT read_text('/etc/passwd')", 'does not know the function READ_TEXT'],
  ["SELECT * FROM '/etc/passwd'", 'Unexpected string literal'],
  ["SELECT * FROM read_csv('/etc/passwd')", 'does not know the table function read_csv'],
  ['SELECT * FROM `p.shop.INFORMATION_SCHEMA.TABLES`', 'does not know INFORMATION_SCHEMA'],
  ['SELECT * FROM `p.shop.day_*`', 'does not know wildcard tables'],
  ["SELECT DATE_TRUNC(DATE '2026-01-01', WEEK)", 'does not know the date part WEEK'],
  ["SELECT FORMAT_DATE('%U', DATE '2026-01-01')", 'does not know the element %U of FORMAT_DATE'],
  ['SELECT 2 ^ 3', 'does not know the symbol ^'],
  ['SELECT 1 / 0', 'division by zero'],
  ['SELECT @none', "Query parameter 'none' not found at [1:8]"],
  ['SELECT 1 AS from', 'Unexpected keyword FROM at [1:13]'],
  ['DECLARE x INT64', 'does not know the statement DECLARE'],
  ['SELECT x FROM UNNEST([1]) AS x ORDER BY y', 'Unrecognized name: y at [1:41]'],
]

test.each(refusals)('%s is refused: %s', async (query, message) => {
  await using bigquery = await openBigQuery()
  const { status } = await bigquery.run(query)
  expect(status.errorResult?.reason).toBe('invalidQuery')
  expect(status.errorResult?.message).toContain(message)
})

test('names, joins, CTEs and views reach their tables however they are written', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run("CREATE TABLE shop.a AS SELECT 1 AS id, 'x' AS name")
  await bigquery.run('CREATE TABLE `shop`.`b` AS SELECT 1 AS id, 5 AS points')
  await bigquery.run(
    'CREATE VIEW shop.v AS SELECT a.id, name, points FROM shop.a JOIN `p.shop.b` AS b ON a.id = b.id',
  )
  const query =
    'WITH one AS (SELECT * FROM p.shop.v), two AS (SELECT id FROM a) SELECT v.name, one.points FROM `shop.v` AS v, one JOIN two USING (id)'
  const more = { defaultDataset: { projectId: 'p', datasetId: 'shop' } }
  expect(await bigquery.values(query, more)).toEqual([['x', '5']])
})

test('DML changes a table and tells how many rows', async () => {
  await using bigquery = await openBigQuery()
  await bigquery.run('CREATE TABLE shop.t (id INT64 NOT NULL, name STRING)')
  await bigquery.run("INSERT INTO shop.t (id, name) VALUES (1, 'a'), (2, 'b')")
  const merged = await bigquery.run(
    "MERGE shop.t AS t USING (SELECT 2 AS id, 'c' AS name UNION ALL SELECT 3, 'd') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (id, name)",
  )
  expect(merged.statistics.query?.numDmlAffectedRows).toBe('2')
  await bigquery.run('DELETE FROM shop.t WHERE id = 1')
  expect(await bigquery.values('SELECT id, name FROM shop.t ORDER BY id')).toEqual([
    ['2', 'c'],
    ['3', 'd'],
  ])
})
