// GoogleSQL's functions that DuckDB lacks or means otherwise, as macros under names of their own.

const scalar = (name: string, ...bodies: string[]) =>
  `CREATE OR REPLACE MACRO ${name}${bodies.join(', ')}`

// JSON codes that have a letter among their hex digits.
const LOWER_CODES = '000b 000e 000f 001a 001b 001c 001d 001e 001f'.split(' ')
const float = (x: string) => `regexp_replace(CAST(${x} AS VARCHAR), '\\.0$', '')`
const zoned = (x: string, mark: string) =>
  `replace(regexp_replace(CAST(${x} AS VARCHAR), '\\+00$', ''), ' ', 'T') || '${mark}'`

/** Statements that make the macros; each may run again on a database that has them. */
export const MACROS: readonly string[] = [
  // The operator itself: BigQuery refuses a division by zero, DuckDB gives infinity.
  scalar(
    '"/"',
    `(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE system.main."/"(a, b) END`,
  ),
  scalar(
    'bq_substr',
    `(s, p) AS substr(s, CASE WHEN p = 0 THEN 1 ELSE p END)`,
    `(s, p, n) AS substr(s, CASE WHEN p = 0 THEN 1 ELSE p END, n)`,
  ),
  scalar('bq_lpad', `(s, n) AS lpad(s, n, ' ')`, `(s, n, f) AS lpad(s, n, f)`),
  scalar('bq_rpad', `(s, n) AS rpad(s, n, ' ')`, `(s, n, f) AS rpad(s, n, f)`),
  scalar('bq_split', `(s) AS string_split(s, ',')`, `(s, d) AS string_split(s, d)`),
  scalar('bq_to_hex', `(b) AS lower(hex(b))`),
  scalar('bq_md5', `(s) AS unhex(md5(s))`),
  scalar('bq_sha1', `(s) AS unhex(sha1(s))`),
  scalar('bq_sha256', `(s) AS unhex(sha256(s))`),
  scalar('bq_div', `(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a // b END`),
  scalar('bq_mod', `(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a % b END`),
  scalar('bq_safe_divide', `(a, b) AS CASE WHEN b = 0 THEN NULL ELSE system.main."/"(a, b) END`),
  scalar('bq_greatest', `(l) AS CASE WHEN list_count(l) = len(l) THEN list_max(l) END`),
  scalar('bq_least', `(l) AS CASE WHEN list_count(l) = len(l) THEN list_min(l) END`),
  scalar(
    'bq_range_bucket',
    `(x, l) AS CASE WHEN x IS NOT NULL THEN len(list_filter(l, lambda e: e <= x)) END`,
  ),
  scalar(
    'bq_generate_array',
    `(a, b) AS generate_series(a, b)`,
    `(a, b, s) AS generate_series(a, b, s)`,
  ),
  scalar(
    'bq_timestamp',
    `(x) AS CAST(x AS TIMESTAMP WITH TIME ZONE)`,
    `(x, z) AS CAST(x AS TIMESTAMP) AT TIME ZONE z`,
  ),
  scalar(
    'bq_datetime',
    `(x) AS CAST(x AS TIMESTAMP)`,
    `(x, z) AS CAST(x AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE z`,
  ),
  scalar(
    'bq_date',
    `(x) AS CAST(x AS DATE)`,
    `(x, z) AS CAST(CAST(x AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE z AS DATE)`,
    `(y, m, d) AS make_date(y, m, d)`,
  ),
  scalar('bq_date_plus', `(d, i) AS CAST(d + i AS DATE)`),
  scalar('bq_date_minus', `(d, i) AS CAST(d - i AS DATE)`),
  scalar('bq_plus', `(t, i) AS t + i`),
  scalar('bq_minus', `(t, i) AS t - i`),
  scalar(
    'bq_trunc_ts',
    `(t, p) AS date_trunc(p, t)`,
    `(t, p, z) AS date_trunc(p, t AT TIME ZONE z) AT TIME ZONE z`,
  ),
  scalar('bq_trunc_date', `(d, p) AS CAST(date_trunc(p, d) AS DATE)`),
  scalar('bq_boundaries', `(a, b, p) AS date_diff(p, b, a)`),
  scalar('bq_elapsed', `(a, b, p) AS date_sub(p, b, a)`),
  scalar('bq_parse_date', `(f, s) AS CAST(strptime(s, f) AS DATE)`),
  scalar(
    'bq_parse_ts',
    `(f, s) AS strptime(s, f) AT TIME ZONE 'UTC'`,
    `(f, s, z) AS strptime(s, f) AT TIME ZONE z`,
  ),
  scalar(
    'bq_seconds',
    `(t) AS strftime(t, '%S') || rtrim(rtrim(strftime(t, '.%f'), '0'), '.')`,
    `(t, n) AS strftime(t, '%S') || CASE WHEN n = 0 THEN '' ELSE left(strftime(t, '.%f'), n + 1) END`,
  ),
  scalar('bq_unix_seconds', `(t) AS CAST(floor(epoch_us(t) / 1000000) AS BIGINT)`),
  scalar('bq_unix_millis', `(t) AS CAST(floor(epoch_us(t) / 1000) AS BIGINT)`),
  scalar('bq_unix_micros', `(t) AS epoch_us(t)`),
  scalar('bq_from_micros', `(n) AS make_timestamptz(n)`),
  scalar('bq_from_millis', `(n) AS make_timestamptz(n * 1000)`),
  scalar('bq_from_seconds', `(n) AS make_timestamptz(n * 1000000)`),
  scalar(
    'bq_json_scalar',
    `(j) AS CASE WHEN json_type(j) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, '$') END`,
    `(j, p) AS CASE WHEN json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, p) END`,
  ),
  scalar('bq_json_query', `(j, p) AS CAST(json_extract(j, p) AS VARCHAR)`),
  scalar('bq_parse_json', `(s) AS CAST(s AS JSON)`),
  scalar(
    'bq_to_string',
    `(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN ${float('x')}
      WHEN typeof(x) = 'BLOB' THEN error('The simulator does not know CAST of BYTES to STRING.')
      WHEN typeof(x) LIKE 'DECIMAL%' THEN regexp_replace(regexp_replace(CAST(x AS VARCHAR), '(\\.\\d*?)0+$', '\\1'), '\\.$', '')
      ELSE CAST(x AS VARCHAR) END`,
  ),
  scalar(
    'bq_to_int',
    `(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(x AS DOUBLE)) AS BIGINT)
      WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), '\\s*[+-]?[0-9]+\\s*') THEN CAST(x AS BIGINT)
      ELSE error('Bad int64 value: ' || CAST(x AS VARCHAR)) END`,
  ),
  scalar(
    'bq_try_int',
    `(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN TRY_CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
      WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), '\\s*[+-]?[0-9]+\\s*') THEN TRY_CAST(x AS BIGINT) END`,
  ),
  scalar(
    'bq_json_number',
    `(s) AS CASE WHEN regexp_full_match(s, '-?[0-9]+') AND TRY_CAST(s AS HUGEINT) BETWEEN -9007199254740992 AND 9007199254740992 THEN s ELSE '"' || s || '"' END`,
  ),
  // Codes in lower-case hex and the two line separators escaped, which DuckDB does otherwise.
  scalar(
    'bq_json_text',
    `(s) AS CASE WHEN NOT regexp_matches(s, '[\\x0b\\x0e\\x0f\\x1a-\\x1f\\x{2028}\\x{2029}]') THEN CAST(to_json(s) AS VARCHAR)
      ELSE ${LOWER_CODES.reduce((sql, code) => `replace(${sql}, '\\u${code.toUpperCase()}', '\\u${code}')`, `replace(replace(CAST(to_json(s) AS VARCHAR), chr(8232), '\\u2028'), chr(8233), '\\u2029')`)} END`,
  ),
  // The formats of BigQuery's page "JSON functions", part "JSON encodings".
  scalar(
    'bq_to_json_string',
    `(x) AS CASE WHEN x IS NULL THEN 'null'
      WHEN typeof(x) IN ('VARCHAR', 'UUID', 'DATE', 'TIME') THEN bq_json_text(CAST(x AS VARCHAR))
      WHEN typeof(x) = 'BOOLEAN' THEN CAST(x AS VARCHAR)
      WHEN typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT') THEN bq_json_number(CAST(x AS VARCHAR))
      WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CASE CAST(x AS VARCHAR) WHEN 'nan' THEN '"NaN"' WHEN 'inf' THEN '"Infinity"' WHEN '-inf' THEN '"-Infinity"' ELSE ${float('x')} END
      WHEN typeof(x) LIKE 'DECIMAL%' AND typeof(x) NOT LIKE '%]' THEN bq_json_number(bq_to_string(x))
      WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE' THEN '"' || ${zoned('x', 'Z')} || '"'
      WHEN typeof(x) = 'TIMESTAMP' THEN '"' || ${zoned('x', '')} || '"'
      WHEN typeof(x) = 'JSON' THEN CAST(x AS VARCHAR)
      WHEN regexp_matches(typeof(x), 'DOUBLE|FLOAT|DECIMAL|TIMESTAMP|BLOB|JSON') THEN error('The simulator does not know TO_JSON_STRING of ' || typeof(x) || '.')
      WHEN regexp_matches(CAST(to_json(x) AS VARCHAR), '[0-9]{16,}') THEN error('The simulator does not know TO_JSON_STRING of numbers of 16 digits inside an ARRAY or STRUCT.')
      WHEN typeof(x) LIKE 'STRUCT%' OR typeof(x) LIKE '%]' THEN CAST(to_json(x) AS VARCHAR)
      ELSE error('The simulator does not know TO_JSON_STRING of ' || typeof(x) || '.') END`,
  ),
]
