// Liquid as content may use it: pure tags and filters only, with the delivery's now, time zone and locale.
import { Liquid, LiquidError, TokenKind, Tokenizer, UndefinedVariableError } from 'liquidjs'
import { type FormatDate } from './liquid-date.ts'

/** A parsed text. */
export interface LiquidText {
  /** Names of the variables that it reads at their root, each once. */
  variables: readonly string[]
  /** @throws LiquidFault where these variables can't be rendered. */
  render(scope: object): string
}

/** What is wrong with a text, or with a row's variables for it; the message holds no value of a variable. */
export class LiquidFault extends Error {
  override readonly name = 'LiquidFault'
}

/** Tags whose effect stays in their text. Partials, counters that live beyond their text, and capture (its content would be escaped twice) are out. */
const allowedTags: ReadonlySet<string> = new Set([
  ...['if', 'unless', 'case', 'for', 'break', 'continue', 'assign', 'comment', 'raw', 'echo', '#'],
])

/** Filters that depend on their arguments alone. Random (`sample`), dynamic (`where_exp` …) and HTML filters are out. */
const allowedFilters: ReadonlySet<string> = new Set([
  ...['append', 'prepend', 'capitalize', 'downcase', 'upcase', 'strip', 'lstrip', 'rstrip'],
  ...['squish', 'strip_newlines', 'remove', 'remove_first', 'remove_last', 'replace'],
  ...['replace_first', 'replace_last', 'truncate', 'truncatewords', 'split', 'slice', 'size'],
  ...['join', 'first', 'last', 'reverse', 'sort', 'sort_natural', 'uniq', 'compact', 'concat'],
  ...['map', 'sum', 'where', 'default', 'raw', 'abs', 'at_least', 'at_most', 'ceil', 'floor'],
  ...[
    'round',
    'plus',
    'minus',
    'times',
    'divided_by',
    'modulo',
    'date',
    'url_encode',
    'url_decode',
  ],
])

/** Longest text with Liquid, in UTF-16 code units. */
const longestText = 100_000
/** liquidjs's units of memory, near one for each character or list entry. */
const mostMemory = 1_000_000
/** Longest time of one text. It only stops what nobody meant: see `render`. */
const longestRenderMs = 2_000

/** Whether a text is a Liquid template at all. */
export function hasLiquid(text: string): boolean {
  return text.includes('{{') || text.includes('{%')
}

/** Makes a parser of texts. With `escapesBraces`, values are written for LINE's textV2, where `{` begins a placeholder. */
export function createLiquid(options: {
  /** The `date` filter's work. */
  formatDate: FormatDate
  escapesBraces: boolean
}): (text: string) => LiquidText {
  const { formatDate, escapesBraces } = options
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    // `{% if x %}` and `default` may ask for what a row doesn't have.
    lenientIf: true,
    ownPropertyOnly: true,
    dynamicPartials: false,
    templates: {},
    parseLimit: longestText,
    memoryLimit: mostMemory,
    renderLimit: longestRenderMs,
    ...(escapesBraces ? { outputEscape: escapeBraces } : {}),
  })
  for (const name of Object.keys(liquid.tags)) {
    if (!allowedTags.has(name)) delete liquid.tags[name]
  }
  for (const name of Object.keys(liquid.filters)) {
    if (!allowedFilters.has(name)) liquid.unregisterFilter(name)
  }
  liquid.registerFilter('date', (value: unknown, pattern?: unknown) =>
    // As in Liquid, what is no date stays what it was.
    typeof pattern === 'string' ? (formatDate(value, pattern) ?? value) : value,
  )

  return (text) => {
    const dynamic = findDynamicPath(text)
    if (dynamic !== undefined) {
      throw new LiquidFault(
        `A variable may not be looked up by a computed name${dynamic}; write the name itself.`,
      )
    }
    try {
      const templates = liquid.parse(text)
      const variables = liquid.globalVariablesSync(templates, { partials: false })
      if (variables.includes('continue')) {
        throw new LiquidFault('"offset: continue" is not supported.')
      }
      return { variables, render: (scope) => renderText(liquid, templates, scope) }
    } catch (error) {
      if (error instanceof LiquidFault) throw error
      throw new LiquidFault(`${messageOf(error)}${placeOf(error)}.`, { cause: error })
    }
  }
}

function renderText(liquid: Liquid, templates: ReturnType<Liquid['parse']>, scope: object): string {
  try {
    return String(liquid.renderSync(templates, scope))
  } catch (error) {
    // A slow machine is no fault of the row: were it skipped for that, another attempt would send it.
    if (messageOf(error).startsWith('template render limit')) {
      throw new Error(`Rendering a text took longer than ${longestRenderMs} ms.`, { cause: error })
    }
    const place = placeOf(error)
    if (error instanceof UndefinedVariableError) {
      throw new LiquidFault(`${capitalized(messageOf(error))}${place}.`)
    }
    if (messageOf(error).startsWith('memory alloc limit')) {
      throw new LiquidFault(`The text becomes too large${place}.`)
    }
    // Messages of filters may hold values, so only the place is told.
    throw new LiquidFault(`A filter or tag can't work with this row's variables${place}.`)
  }
}

/**
 * Where a text looks a variable up by a computed name, such as `a[b]` or `[a]`, as words; undefined where nowhere.
 * Read from the tokens, because liquidjs's analysis shows `[a]` as a plain `a`.
 */
function findDynamicPath(text: string): string | undefined {
  let tokens
  try {
    tokens = new Tokenizer(text).readTopLevelTokens()
  } catch {
    // The parser will say what is wrong, with the place.
    return undefined
  }
  for (const token of tokens) {
    if (token.kind !== TokenKind.Tag && token.kind !== TokenKind.Output) continue
    const unquoted = token.getText().replace(/"[^"]*"|'[^']*'/g, '""')
    const isDynamic = [...unquoted.matchAll(/\[([^\]]*)\]?/g)].some(
      ([, inner]) => !/^\s*(-?\d+|"")\s*$/.test(inner ?? ''),
    )
    if (isDynamic) {
      const [line, column] = token.getPosition()
      return ` (line ${line}, column ${column})`
    }
  }
  return undefined
}

/** liquidjs's message without the place, which it puts at the end. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : 'It could not be read'
  return message.replace(/, line:\d+, col:\d+$/, '')
}

function placeOf(error: unknown): string {
  if (!LiquidError.is(error)) return ''
  const [line, column] = error.token.getPosition()
  return ` (line ${line}, column ${column})`
}

/** Liquid's text of a value, with its braces doubled. */
function escapeBraces(value: unknown): string {
  if (Array.isArray(value)) return value.map(escapeBraces).join('')
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replaceAll('{', '{{').replaceAll('}', '}}')
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
