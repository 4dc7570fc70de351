// Cuts GoogleSQL into tokens, each with its place, so that errors can point at it.
import { BigQueryError } from './errors.ts'

/** What a token is; `name` is a back-ticked identifier or path. */
export type TokenKind =
  'word' | 'name' | 'string' | 'bytes' | 'number' | 'parameter' | 'symbol' | 'end'

/** One token of a statement. */
export interface Token {
  kind: TokenKind
  /** As written; for strings and names what they stand for. */
  text: string
  /** Upper case of a word, else the text of a symbol; what keywords are compared with. */
  key: string
  /** Offset of the first character and of the one after the last. */
  from: number
  to: number
}

/** `[line:column]` of an offset, 1-based, as BigQuery writes it. */
export function placeOf(sql: string, offset: number): string {
  const before = sql.slice(0, offset).split('\n')
  return `[${before.length}:${(before.at(-1)?.length ?? 0) + 1}]`
}

/** A syntax error in BigQuery's form. */
export function syntaxError(sql: string, offset: number, what: string): BigQueryError {
  return new BigQueryError(
    'invalidQuery',
    `Syntax error: ${what} at ${placeOf(sql, offset)}`,
    'query',
  )
}

const BLANK = /(?:\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)+/y
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y
const STRING = /([rR]?[bB]?|[bB][rR])("""|'''|"|')/y
const SYMBOL = /<=|>=|<>|!=|\|\||<<|>>|=>|[-+*/%&|^~=<>(),.;[\]{}?:@]/y

/** All tokens of a text, ended by one of kind `end`. @throws BigQueryError invalidQuery */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  let at = 0

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    return pattern.exec(sql)
  }

  function push(kind: TokenKind, text: string, to: number, key = '') {
    tokens.push({ kind, text, key, from: at, to })
    at = to
  }

  for (;;) {
    at += match(BLANK)?.[0].length ?? 0
    if (at >= sql.length) break
    const opened = match(STRING)
    if (opened) {
      const { value, to } = readString(sql, at, opened[1] ?? '', opened[2] ?? '"')
      push(/b/i.test(opened[1] ?? '') ? 'bytes' : 'string', value, to)
      continue
    }
    if (sql[at] === '`') {
      const end = sql.indexOf('`', at + 1)
      if (end < 0) throw syntaxError(sql, at, 'Unclosed identifier literal')
      push('name', sql.slice(at + 1, end), end + 1)
      continue
    }
    if (sql[at] === '@' && sql[at + 1] !== '@') {
      at += 1
      const name = match(WORD)?.[0]
      at -= 1
      if (name !== undefined) {
        push('parameter', name, at + 1 + name.length)
        continue
      }
    }
    const word = match(WORD)?.[0]
    if (word !== undefined) {
      push('word', word, at + word.length, word.toUpperCase())
      continue
    }
    const number = match(NUMBER)?.[0]
    if (number !== undefined && /^[\d.]/.test(number)) {
      push('number', number, at + number.length)
      continue
    }
    const symbol = match(SYMBOL)?.[0]
    if (symbol === undefined)
      throw syntaxError(sql, at, `Illegal input character ${JSON.stringify(sql[at])}`)
    push('symbol', symbol, at + symbol.length, symbol)
  }
  tokens.push({ kind: 'end', text: '', key: '', from: sql.length, to: sql.length })
  return tokens
}

const ESCAPES: Record<string, string> = {
  n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', a: '\x07', v: '\v',
  '\\': '\\', "'": "'", '"': '"', '`': '`', '?': '?',
} // prettier-ignore

function readString(sql: string, start: number, prefix: string, quote: string) {
  const isRaw = /r/i.test(prefix)
  let at = start + prefix.length + quote.length
  let value = ''
  for (;;) {
    if (at >= sql.length || (quote.length === 1 && sql[at] === '\n'))
      throw syntaxError(sql, start, 'Unclosed string literal')
    if (sql.startsWith(quote, at)) return { value, to: at + quote.length }
    if (sql[at] !== '\\') value += sql[at++]
    else if (isRaw) {
      value += sql.slice(at, at + 2)
      at += 2
    } else {
      const code =
        /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(
          sql.slice(at, at + 10),
        )
      const escaped = ESCAPES[sql[at + 1] ?? '']
      if (code) {
        const hex = code[1] ?? code[2] ?? code[3]
        value += String.fromCodePoint(
          hex === undefined ? parseInt(code[4] ?? '0', 8) : parseInt(hex, 16),
        )
        at += code[0].length
      } else if (escaped !== undefined) {
        value += escaped
        at += 2
      } else throw syntaxError(sql, at, `Illegal escape sequence: \\${sql[at + 1] ?? ''}`)
    }
  }
}
