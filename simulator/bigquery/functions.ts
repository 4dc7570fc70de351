// GoogleSQL's functions that the simulator knows, and what each becomes in DuckDB.

/** How a call is written in DuckDB. */
export type Rule =
  /** The same arguments under this name. */
  | { to: string }
  /** All arguments as one list. */
  | { list: string }
  /** Joined by this operator, inside parentheses. */
  | { join: string }
  /** The argument at this index is the name of a part of a date, which becomes a text. */
  | { to: string; part: number }

const same = (names: string): [string, Rule][] =>
  names.split(' ').map((name) => [name, { to: name.toLowerCase() }])
const renamed = (pairs: Record<string, string>): [string, Rule][] =>
  Object.entries(pairs).map(([name, to]) => [name, { to }])
const parted = (pairs: Record<string, [string, number]>): [string, Rule][] =>
  Object.entries(pairs).map(([name, [to, part]]) => [name, { to, part }])

/** By upper-case name; a function that is not here is refused, never passed on. */
export const FUNCTIONS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...same('COUNT SUM AVG MIN MAX COUNTIF ANY_VALUE STRING_AGG ARRAY_AGG STDDEV VARIANCE CORR'),
  ...same(
    'ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE',
  ),
  ...same('COALESCE IFNULL NULLIF ABS SIGN ROUND FLOOR CEIL TRUNC SQRT EXP LN POW'),
  ...same(
    'LOWER UPPER TRIM LTRIM RTRIM REPLACE REVERSE STARTS_WITH ENDS_WITH STRPOS REPEAT LENGTH INITCAP',
  ),
  ...same('ARRAY_TO_STRING TO_BASE64 FROM_BASE64 ERROR'),
  ...renamed({
    IF: 'if', CEILING: 'ceil', POWER: 'pow', MOD: 'bq_mod', DIV: 'bq_div', SAFE_DIVIDE: 'bq_safe_divide',
    CHAR_LENGTH: 'length', CHARACTER_LENGTH: 'length', BYTE_LENGTH: 'strlen', OCTET_LENGTH: 'strlen',
    SUBSTR: 'bq_substr', SUBSTRING: 'bq_substr', LPAD: 'bq_lpad', RPAD: 'bq_rpad', SPLIT: 'bq_split',
    REGEXP_CONTAINS: 'regexp_matches', TO_HEX: 'bq_to_hex', FROM_HEX: 'unhex',
    MD5: 'bq_md5', SHA1: 'bq_sha1', SHA256: 'bq_sha256', FARM_FINGERPRINT: 'bq_farm_fingerprint',
    LOGICAL_AND: 'bool_and', LOGICAL_OR: 'bool_or', APPROX_COUNT_DISTINCT: 'approx_count_distinct',
    BIT_AND: 'bit_and', BIT_OR: 'bit_or', BIT_XOR: 'bit_xor',
    ARRAY_LENGTH: 'len', ARRAY_REVERSE: 'list_reverse', ARRAY_CONCAT: 'list_concat', GENERATE_ARRAY: 'bq_generate_array', RANGE_BUCKET: 'bq_range_bucket',
    GENERATE_UUID: 'bq_uuid', RAND: 'random',
    TIMESTAMP: 'bq_timestamp', DATETIME: 'bq_datetime', DATE: 'bq_date',
    TIMESTAMP_ADD: 'bq_plus', TIMESTAMP_SUB: 'bq_minus', DATETIME_ADD: 'bq_plus', DATETIME_SUB: 'bq_minus',
    DATE_ADD: 'bq_date_plus', DATE_SUB: 'bq_date_minus',
    PARSE_DATE: 'bq_parse_date', PARSE_TIMESTAMP: 'bq_parse_ts',
    UNIX_SECONDS: 'bq_unix_seconds', UNIX_MILLIS: 'bq_unix_millis', UNIX_MICROS: 'bq_unix_micros',
    TIMESTAMP_SECONDS: 'bq_from_seconds', TIMESTAMP_MILLIS: 'bq_from_millis', TIMESTAMP_MICROS: 'bq_from_micros',
    JSON_VALUE: 'bq_json_scalar', JSON_EXTRACT_SCALAR: 'bq_json_scalar',
    JSON_QUERY: 'bq_json_query', JSON_EXTRACT: 'bq_json_query', PARSE_JSON: 'bq_parse_json',
    LAST_DAY: 'last_day', CHR: 'chr', IS_NAN: 'isnan', IS_INF: 'isinf',
  }), // prettier-ignore
  ...parted({
    TIMESTAMP_DIFF: ['bq_elapsed', 2],
    DATETIME_DIFF: ['bq_boundaries', 2],
    DATE_DIFF: ['bq_boundaries', 2],
    TIMESTAMP_TRUNC: ['bq_trunc_ts', 1],
    DATETIME_TRUNC: ['bq_trunc_ts', 1],
    DATE_TRUNC: ['bq_trunc_date', 1],
  }),
  ['CONCAT', { join: ' || ' }],
  ['GREATEST', { list: 'bq_greatest' }],
  ['LEAST', { list: 'bq_least' }],
])

/** Parts of a date that mean the same in both; weeks are refused, for they begin on other days. */
export const PARTS: ReadonlySet<string> = new Set(
  'MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY MONTH QUARTER YEAR ISOYEAR'.split(' '),
)

/** Words that GoogleSQL reserves, and so are never names unless in back-ticks. */
export const RESERVED: ReadonlySet<string> = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT
   DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL
   GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP
   MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE
   RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN
   WHERE WINDOW WITH WITHIN`.split(/\s+/),
)
