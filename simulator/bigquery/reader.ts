// Walks over the tokens of one statement.
import { RESERVED } from './functions.ts'
import { syntaxError, tokenize, type Token } from './tokens.ts'
import { type BigQueryError } from './errors.ts'

/** A place in a statement's tokens, with short ways to look and to take. */
export interface Reader {
  readonly sql: string
  /** The next token, or one further on; of kind `end` behind the last. */
  peek(ahead?: number): Token
  next(): Token
  /** The token before the next one, if there is one. */
  last(): Token | undefined
  /** Takes the next tokens if they are these words or symbols. */
  take(...keys: string[]): boolean
  /** @throws BigQueryError when the next tokens are not these */
  expect(...keys: string[]): void
  isAt(...keys: string[]): boolean
  unexpected(token?: Token): BigQueryError
}

/** A reader over the text of a statement. @throws BigQueryError */
export function createReader(sql: string, tokens: Token[] = tokenize(sql)): Reader {
  let index = 0
  const end: Token = { kind: 'end', text: '', key: '', from: sql.length, to: sql.length }
  const peek = (ahead = 0) => tokens[index + ahead] ?? end
  const isAt = (...keys: string[]) => keys.every((key, ahead) => peek(ahead).key === key)

  const reader: Reader = {
    sql,
    peek,
    isAt,
    next() {
      const token = peek()
      index += 1
      return token
    },
    last: () => tokens[index - 1],
    take(...keys) {
      if (!isAt(...keys)) return false
      index += keys.length
      return true
    },
    expect(...keys) {
      for (const key of keys) {
        const token = peek()
        if (token.key !== key)
          throw syntaxError(sql, token.from, `Expected ${shown(key)} but got ${describe(token)}`)
        index += 1
      }
    },
    unexpected: (token = peek()) => syntaxError(sql, token.from, `Unexpected ${describe(token)}`),
  }
  return reader
}

const shown = (key: string) => (/^\w/.test(key) ? `keyword ${key}` : `"${key}"`)

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'end of script'
    case 'word':
      return RESERVED.has(token.key) ? `keyword ${token.key}` : `identifier "${token.text}"`
    case 'name':
      return `identifier "${token.text}"`
    case 'string':
    case 'bytes':
      return `string literal ${JSON.stringify(token.text)}`
    case 'number':
      return `number "${token.text}"`
    default:
      return `"${token.text}"`
  }
}
