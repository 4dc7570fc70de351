// The instruments of the message rules: they look at one field and write down what is wrong with it.

/** One fault of message objects. */
export interface MessageProblem {
  /** JSON pointer (RFC 6901) into the array of messages. */
  pointer: string
  /** What is wrong and what would be right, as a sentence without the field's value. */
  problem: string
}

/** A JSON object that is being looked at. */
export type Fields = Readonly<Record<string, unknown>>

/** What a text field may hold. */
export interface TextRule {
  max: number
  /** Default true. */
  isRequired?: boolean
  /** LINE counts most fields in UTF-16 code units, some in grapheme clusters (guide "Text character count"). */
  counted?: 'graphemes'
  pattern?: RegExp
  /** The pattern in words. */
  form?: string
}

/** What a list may hold. */
export interface ListRule {
  min: number
  max: number
  /** Default true. */
  isRequired?: boolean
}

/** An inspection of one set of messages; every method reports what is wrong and gives back what may be looked at further. */
export interface Inspection {
  readonly problems: readonly MessageProblem[]
  report(pointer: string, problem: string): void
  /** Whether a text's content isn't known before Liquid has run. */
  isOpen(value: unknown): boolean
  text(fields: Fields, pointer: string, name: string, rule: TextRule): void
  /** An https URL, by default required and of at most 2,000 characters. */
  url(
    fields: Fields,
    pointer: string,
    name: string,
    rule?: { max?: number; isRequired?: boolean },
  ): void
  number(
    fields: Fields,
    pointer: string,
    name: string,
    rule: { min: number; max: number; isInteger?: boolean; isRequired?: boolean },
  ): void
  choice(
    fields: Fields,
    pointer: string,
    name: string,
    rule: { of: readonly string[]; isRequired?: boolean },
  ): void
  /** The list, or undefined where it is absent or none. */
  list(
    fields: Fields,
    pointer: string,
    name: string,
    rule: ListRule,
  ): readonly unknown[] | undefined
  /** The value as an object, or undefined with a problem. */
  object(value: unknown, pointer: string): Fields | undefined
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The number of user-perceived characters, at most `enough`. */
function countGraphemes(text: string, enough: number): number {
  let count = 0
  for (const segment of segmenter.segment(text)) {
    if (segment.segment !== '' && ++count >= enough) break
  }
  return count
}

/** Starts an inspection. With `areTemplates`, texts that hold Liquid are left to the check after rendering. */
export function createInspection(options: { areTemplates: boolean }): Inspection {
  const problems: MessageProblem[] = []
  const report = (pointer: string, problem: string) => {
    problems.push({ pointer, problem })
  }
  const isOpen = (value: unknown) =>
    options.areTemplates &&
    typeof value === 'string' &&
    (value.includes('{{') || value.includes('{%'))

  /** The value of a field to look at; absent and open ones are dealt with here. */
  function valueOf(fields: Fields, pointer: string, name: string, isRequired: boolean): unknown {
    const value = fields[name]
    if (value === undefined || value === null) {
      if (isRequired) report(`${pointer}/${name}`, `"${name}" is missing.`)
      return undefined
    }
    return isOpen(value) ? undefined : value
  }

  return {
    problems,
    report,
    isOpen,
    text(fields, pointer, name, rule) {
      const value = valueOf(fields, pointer, name, rule.isRequired ?? true)
      if (value === undefined) return
      const at = `${pointer}/${name}`
      if (typeof value !== 'string') return report(at, `"${name}" must be text.`)
      if (value === '') return report(at, `"${name}" is empty.`)
      // Code units are never fewer than graphemes, so most texts need no segmenting.
      const isTooLong =
        value.length > rule.max &&
        (rule.counted !== 'graphemes' || countGraphemes(value, rule.max + 1) > rule.max)
      if (isTooLong) report(at, `"${name}" has more than ${rule.max} characters.`)
      if (rule.pattern !== undefined && !rule.pattern.test(value)) {
        report(at, `"${name}" must be ${rule.form ?? 'of another form'}.`)
      }
    },
    url(fields, pointer, name, rule = {}) {
      const { max = 2000, isRequired = true } = rule
      const value = valueOf(fields, pointer, name, isRequired)
      if (value === undefined) return
      const at = `${pointer}/${name}`
      if (typeof value !== 'string') return report(at, `"${name}" must be text.`)
      if (!/^https:\/\/\S+$/i.test(value) || !URL.canParse(value)) {
        report(at, `"${name}" must be a whole URL that begins with https:// and holds no space.`)
      }
      if (value.length > max) report(at, `"${name}" has more than ${max} characters.`)
    },
    number(fields, pointer, name, rule) {
      const value = valueOf(fields, pointer, name, rule.isRequired ?? true)
      if (value === undefined) return
      const isRight =
        typeof value === 'number' &&
        value >= rule.min &&
        value <= rule.max &&
        (rule.isInteger !== true || Number.isInteger(value))
      if (!isRight) {
        const kind = rule.isInteger === true ? 'a whole number' : 'a number'
        report(`${pointer}/${name}`, `"${name}" must be ${kind} from ${rule.min} to ${rule.max}.`)
      }
    },
    choice(fields, pointer, name, rule) {
      const value = valueOf(fields, pointer, name, rule.isRequired ?? true)
      if (value === undefined) return
      if (typeof value !== 'string' || !rule.of.includes(value)) {
        report(`${pointer}/${name}`, `"${name}" must be one of ${rule.of.join(', ')}.`)
      }
    },
    list(fields, pointer, name, rule) {
      const value = valueOf(fields, pointer, name, rule.isRequired ?? true)
      if (value === undefined) return undefined
      const at = `${pointer}/${name}`
      if (!Array.isArray(value)) {
        report(at, `"${name}" must be a list.`)
        return undefined
      }
      if (value.length < rule.min || value.length > rule.max) {
        const sizes = rule.min === rule.max ? `${rule.min}` : `${rule.min} to ${rule.max}`
        report(at, `"${name}" must have ${sizes} entries; it has ${value.length}.`)
      }
      return value as unknown[]
    },
    object(value, pointer) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return value as Fields
      }
      report(pointer, 'Here must be an object.')
      return undefined
    },
  }
}
