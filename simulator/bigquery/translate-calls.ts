// Translates calls of functions, casts and intervals.
import { unsupported } from './errors.ts'
import { FUNCTIONS, PARTS, RESERVED, type Rule } from './functions.ts'
import { formatTime, TIME_FORMATS } from './translate-times.ts'
import { createValues, joined } from './translate-values.ts'
import { type Reader } from './reader.ts'
import { text } from './schema.ts'
import { placeOf, type Token } from './tokens.ts'
import { type Piece, type TranslateContext, type Translator } from './translate.ts'

type Special = (token: Token) => Piece[]

/** Makes the part of a translator that reads calls. */
export function createCalls(reader: Reader, context: TranslateContext, translator: Translator) {
  const now = `make_timestamptz(${context.nowMicros})`
  const values = createValues(reader, translator)
  const { argumentsOf, type } = values
  const here = () => placeOf(reader.sql, reader.peek().from)

  const specials: Record<string, Special> = {
    CAST: () => cast(false),
    SAFE_CAST: () => cast(true),
    EXTRACT: extract,
    INTERVAL: interval,
    STRUCT: values.struct,
    ARRAY: values.array,
    UNNEST: inUnnest,
    REGEXP_EXTRACT: regexpExtract,
    TO_JSON_STRING: values.toJsonString,
    FORMAT: format,
    ...Object.fromEntries(TIME_FORMATS.map((name) => [name, timeFormat])),
    CURRENT_TIMESTAMP: () => current(() => now),
    CURRENT_DATE: () => current((zone) => `CAST(${now} AT TIME ZONE ${zone} AS DATE)`),
    CURRENT_DATETIME: () => current((zone) => `${now} AT TIME ZONE ${zone}`),
  }

  /** The call that begins at this word, or undefined where it is no call. */
  function at(token: Token): Piece[] | undefined {
    const isCalled = reader.peek(1).key === '('
    const special = Object.hasOwn(specials, token.key) ? specials[token.key] : undefined
    if (special && (isCalled || /^(INTERVAL|CURRENT_|STRUCT|ARRAY)/.test(token.key)))
      if (
        isCalled ||
        !/^(STRUCT|ARRAY)$/.test(token.key) ||
        '<['.includes(reader.peek(1).key || ' ')
      ) {
        reader.next()
        return special(token)
      }
    if (token.key === 'SAFE' && reader.peek(1).key === '.') {
      reader.next()
      reader.next()
      const call = at(reader.peek())
      if (!call) throw reader.unexpected()
      return [{ sql: 'TRY(', from: token.from }, ...call, { sql: ')' }]
    }
    if (!isCalled || (RESERVED.has(token.key) && !FUNCTIONS.has(token.key))) return undefined
    const rule = FUNCTIONS.get(token.key)
    if (!rule) throw unsupported(`the function ${token.key}`, here())
    reader.next()
    return called(rule, token)
  }

  function called(rule: Rule, token: Token): Piece[] {
    if ('part' in rule) return partCall(rule.to, rule.part, token)
    if ('list' in rule)
      return [
        { sql: `${rule.list}([`, from: token.from },
        ...joined(argumentsOf(), ','),
        { sql: '])' },
      ]
    if ('join' in rule)
      return [{ sql: '(', from: token.from }, ...joined(argumentsOf(), rule.join), { sql: ')' }]
    const given = argumentsOf()
    if (token.key === 'ARRAY_AGG' || token.key === 'STRING_AGG')
      return aggregate(rule.to, given, token)
    // DuckDB's own gives NULL where there are no rows.
    if (token.key === 'COUNTIF')
      return [
        { sql: 'count(nullif((', from: token.from },
        ...joined(given, ','),
        { sql: '), false))' },
      ]
    if (token.key === 'GENERATE_UUID') return [{ sql: 'CAST(uuid() AS VARCHAR)', from: token.from }]
    return [{ sql: `${rule.to}(`, from: token.from }, ...joined(given, ','), { sql: ')' }]
  }

  function aggregate(to: string, given: Piece[][], token: Token): Piece[] {
    const [first = []] = given
    if (given.some((pieces) => pieces.some(({ sql }) => sql === 'LIMIT')))
      throw unsupported(`LIMIT inside ${token.key}`, placeOf(reader.sql, token.from))
    const ignored = first.findIndex(({ sql }) => sql === 'IGNORE')
    if (ignored < 0)
      return [{ sql: `${to}(`, from: token.from }, ...joined(given, ','), { sql: ')' }]
    const value = first.slice(0, ignored).filter(({ sql }) => sql !== 'DISTINCT')
    const kept = [...first.slice(0, ignored), ...first.slice(ignored + 2)]
    return [
      { sql: `${to}(`, from: token.from },
      ...joined([kept, ...given.slice(1)], ','),
      { sql: ') FILTER (WHERE (' },
      ...value,
      { sql: ') IS NOT NULL)' },
    ]
  }

  function partCall(to: string, index: number, token: Token): Piece[] {
    reader.expect('(')
    const given: Piece[][] = []
    for (let n = 0; given.length === 0 || reader.take(','); n++)
      given.push(n === index ? [{ sql: text(part()) }] : translator.sequence(','))
    reader.expect(')')
    return [{ sql: `${to}(`, from: token.from }, ...joined(given, ','), { sql: ')' }]
  }

  function part(): string {
    const token = reader.next()
    if (!PARTS.has(token.key))
      throw unsupported(`the date part ${token.text}`, placeOf(reader.sql, token.from))
    return token.key.toLowerCase()
  }

  function cast(isSafe: boolean): Piece[] {
    const { from } = reader.peek()
    reader.expect('(')
    const value = translator.sequence('AS')
    reader.expect('AS')
    const target = type()
    if (reader.isAt('FORMAT')) throw unsupported('CAST … FORMAT', here())
    reader.expect(')')
    if (target === 'VARCHAR') return [{ sql: 'bq_to_string(', from }, ...value, { sql: ')' }]
    if (target === 'BIGINT')
      return [{ sql: isSafe ? 'bq_try_int(' : 'bq_to_int(', from }, ...value, { sql: ')' }]
    return [{ sql: isSafe ? 'TRY_CAST(' : 'CAST(', from }, ...value, { sql: ` AS ${target})` }]
  }

  function extract(token: Token): Piece[] {
    reader.expect('(')
    if (reader.isAt('DATE')) {
      reader.next()
      reader.expect('FROM')
      const value = translator.sequence('AT')
      const zone = readZone()
      reader.expect(')')
      return [{ sql: 'bq_date(', from: token.from }, ...value, { sql: `, ${zone})` }]
    }
    const isDayOfWeek = reader.isAt('DAYOFWEEK')
    const name = isDayOfWeek
      ? (reader.next(), 'dow')
      : reader.isAt('DAYOFYEAR')
        ? (reader.next(), 'doy')
        : part()
    reader.expect('FROM')
    const value = translator.sequence('AT')
    const zone = readZone()
    reader.expect(')')
    const zoned: Piece[] = [{ sql: '(' }, ...value, { sql: `) AT TIME ZONE ${zone}` }]
    // Seconds hold their fraction in DuckDB's milliseconds: BigQuery gives the fraction alone.
    const rest =
      name === 'millisecond'
        ? ' % 1000'
        : name === 'microsecond'
          ? ' % 1000000'
          : isDayOfWeek
            ? ' + 1'
            : ''
    return [
      { sql: `(extract(${name} FROM `, from: token.from },
      ...(zone === `'UTC'` ? value : zoned),
      { sql: `)${rest})` },
    ]
  }

  function readZone(): string {
    if (!reader.take('AT')) return `'UTC'`
    reader.expect('TIME', 'ZONE')
    return text(reader.next().text)
  }

  function interval(token: Token): Piece[] {
    const value = translator.sequence(...PARTS, 'WEEK', ',')
    const unit = reader.next()
    if (value.length === 0 || (!PARTS.has(unit.key) && unit.key !== 'WEEK'))
      throw unsupported('this INTERVAL', placeOf(reader.sql, token.from))
    return [{ sql: 'INTERVAL (', from: token.from }, ...value, { sql: `) ${unit.key}` }]
  }

  function inUnnest(token: Token): Piece[] {
    const [given = []] = argumentsOf()
    return [{ sql: '(SELECT unnest(', from: token.from }, ...given, { sql: '))' }]
  }

  function regexpExtract(token: Token): Piece[] {
    const given = argumentsOf()
    const pattern = reader.last() && reader.peek(-2)
    if (given.length !== 2 || pattern?.kind !== 'string')
      throw unsupported(
        'REGEXP_EXTRACT but with a literal pattern as its second and last argument',
        placeOf(reader.sql, token.from),
      )
    const group = /\((?!\?)/.test(pattern.text.replace(/\\./g, '')) ? 1 : 0
    const [value = [], regexp = []] = given
    // No match is NULL in BigQuery and '' in DuckDB.
    return [
      { sql: 'list_extract(regexp_extract_all(', from: token.from },
      ...value, { sql: ',' }, ...regexp, { sql: `, ${group}), 1)` },
    ] // prettier-ignore
  }

  function format(token: Token): Piece[] {
    const given = argumentsOf()
    const pattern = given[0]?.[0]?.sql ?? ''
    if (given[0]?.length !== 1 || !/^'(?:[^%]|%%|%0?\d*d|%s|%\.\d+f)*'$/.test(pattern))
      throw unsupported(
        'FORMAT but with a literal pattern of %s, %d, %0Nd, %.Nf and %%',
        placeOf(reader.sql, token.from),
      )
    return [{ sql: 'printf(', from: token.from }, ...joined(given, ','), { sql: ')' }]
  }

  function timeFormat(token: Token): Piece[] {
    const place = placeOf(reader.sql, token.from)
    return formatTime(token.key, argumentsOf(), place, token.from)
  }

  function current(make: (zone: string) => string): Piece[] {
    const token = reader.last()
    let zone = `'UTC'`
    if (reader.isAt('(')) {
      const [given] = argumentsOf()
      if (given) zone = `(${given.map(({ sql }) => sql).join(' ')})`
    }
    return [{ sql: `(${make(zone)})`, ...(token ? { from: token.from } : {}) }]
  }

  return { at, type, brackets: values.brackets }
}
