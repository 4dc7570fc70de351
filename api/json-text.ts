// Reads JSON text, and says where it stops being JSON: V8's own message often has no position and quotes the text.

/** The text is not JSON; line and column are those of the first character that is wrong, 1-based. */
export class NotJson extends Error {
  override readonly name = 'NotJson'
  readonly line: number
  readonly column: number
  constructor(line: number, column: number, cause?: unknown) {
    super(`The body stops being JSON at line ${line}, column ${column}.`, { cause })
    this.line = line
    this.column = column
  }
}

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
// JSON forbids control characters inside of strings.
const plainCharacters = /[^"\\\u0000-\u001f]*/y
const escapedCharacter = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const space = /[ \t\r\n]*/y

/** Offset of the first character at which the text is no JSON any more; its length where it ends too early. */
export function offsetOfMistake(text: string): number {
  let at = 0
  const eat = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  const eatChar = (char: string): boolean => {
    eat(space)
    if (text[at] !== char) return false
    at += 1
    return true
  }
  const eatString = (): boolean => {
    if (!eatChar('"')) return false
    // Piece by piece, for one pattern over a long string could exhaust the backtracking stack.
    do eat(plainCharacters)
    while (eat(escapedCharacter))
    if (text[at] !== '"') return false
    at += 1
    return true
  }
  // A stack in place of recursion: a body of a million brackets must not exhaust the call stack.
  const open: ('{' | '[')[] = []
  const eatKey = () => eatString() && eatChar(':')
  for (;;) {
    // A value stands here.
    eat(space)
    if (eatChar('{')) {
      if (!eatChar('}')) {
        open.push('{')
        if (!eatKey()) return at
        continue
      }
    } else if (eatChar('[')) {
      if (!eatChar(']')) {
        open.push('[')
        continue
      }
    } else if (text[at] === '"' ? !eatString() : !eat(scalar)) return at
    // A value has ended: close what it ends, or go on to the next.
    for (;;) {
      const inside = open.at(-1)
      if (inside === undefined) {
        eat(space)
        return at
      }
      if (eatChar(',')) {
        if (inside === '{' && !eatKey()) return at
        break
      }
      if (!eatChar(inside === '{' ? '}' : ']')) return at
      open.pop()
    }
  }
}

/** Parses JSON text. @throws NotJson */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const before = text.slice(0, offsetOfMistake(text)).split('\n')
    throw new NotJson(before.length, (before.at(-1)?.length ?? 0) + 1, error)
  }
}
