// Messages with Liquid in their texts: what variables they need, and what a row's variables make of them.
import { type MessageProblem } from './inspection.ts'
import { createFormatDate } from './liquid-date.ts'
import { createLiquid, hasLiquid, LiquidFault, type LiquidText } from './liquid.ts'
import { checkMessages } from './message-rules.ts'

/** Messages of one delivery, ready to be rendered. */
export interface MessageTemplate {
  /** Names of the variables that a row must bring, sorted; without `now`, which the delivery brings. */
  readonly variables: readonly string[]
  /**
   * The messages for one row, as JSON text. The same variables give the same text, on every machine.
   * `variablesJson` is a JSON object. A row that doesn't fit gives a reason that holds none of its values.
   * @throws Error when `variablesJson` is no JSON object, or rendering takes for ever: neither is the row's fault.
   */
  render(variablesJson: string): { ok: true; messagesJson: string } | { ok: false; reason: string }
}

/** Content can't be saved: its Liquid can't be followed exactly, or LINE would refuse it. */
export class TemplateRefused extends Error {
  override readonly name = 'TemplateRefused'
  readonly problems: readonly MessageProblem[]
  constructor(problems: readonly MessageProblem[]) {
    super(`The content has ${problems.length} problem(s). ${describe(problems[0])}`)
    this.problems = problems
  }
}

export interface MessageTemplateOptions {
  /** 1-5 LINE message objects. */
  messages: unknown
  /** The delivery's now, an ISO instant; what `{{ now }}` and `'now' | date` show. */
  now: string
  /** IANA name, for dates. */
  timeZone: string
  /** BCP 47 tag, for names of months and days. */
  locale: string
}

/** The one variable that rows can't bring. */
const reservedVariable = 'now'

/** Builds a value for one row. */
type Build = (scope: object) => unknown

/**
 * Parses and checks messages. Liquid is applied to the string values of the message objects and never to JSON text, so
 * no value can break out of its string; keys and other values stay as they are.
 * In the `text` of a textV2 message, braces of values are doubled, so that LINE shows them instead of reading a placeholder.
 * @throws TemplateRefused with every problem. @throws RangeError for a now, time zone or locale that is none.
 */
export function createMessageTemplate(options: MessageTemplateOptions): MessageTemplate {
  const nowMs = Date.parse(options.now)
  if (Number.isNaN(nowMs)) throw new RangeError('"now" must be an ISO instant.')
  const { timeZone, locale } = options
  const formatDate = createFormatDate({ nowMs, timeZone, locale })
  const problems: MessageProblem[] = []
  const variables = new Set<string>()
  const parse = createLiquid({ formatDate, escapesBraces: false })
  const parseEscaping = createLiquid({ formatDate, escapesBraces: true })

  function textAt(text: string, pointer: string, isTextV2: boolean): Build | undefined {
    if (!hasLiquid(text)) return undefined
    let parsed: LiquidText
    try {
      parsed = isTextV2 ? parseEscaping(text) : parse(text)
    } catch (error) {
      if (!(error instanceof LiquidFault)) throw error
      problems.push({ pointer, problem: error.message })
      return undefined
    }
    for (const name of parsed.variables) variables.add(name)
    return (scope) => {
      try {
        return parsed.render(scope)
      } catch (error) {
        if (error instanceof LiquidFault) throw new RowFault(pointer, error.message)
        throw error
      }
    }
  }

  /** A builder for a value that holds Liquid somewhere; undefined for a constant. */
  function compile(value: unknown, pointer: string): Build | undefined {
    if (typeof value === 'string') return textAt(value, pointer, false)
    if (typeof value !== 'object' || value === null) return undefined
    const isTextV2 = 'type' in value && value.type === 'textV2' && /^\/\d+$/.test(pointer)
    const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => {
      const at = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      const build =
        isTextV2 && key === 'text' && typeof inner === 'string'
          ? textAt(inner, at, true)
          : compile(inner, at)
      return { key, inner, build }
    })
    if (entries.every(({ build }) => build === undefined)) return undefined
    if (Array.isArray(value)) {
      return (scope) => entries.map(({ inner, build }) => (build ? build(scope) : inner))
    }
    return (scope) =>
      Object.fromEntries(
        entries.map(({ key, inner, build }) => [key, build ? build(scope) : inner]),
      )
  }

  const build = compile(options.messages, '')
  problems.push(...checkMessages(options.messages, { areTemplates: true }))
  if (problems.length > 0) throw new TemplateRefused(problems)
  variables.delete(reservedVariable)

  const constant = JSON.stringify(options.messages)
  return {
    variables: [...variables].sort(),
    render(variablesJson) {
      if (build === undefined) return { ok: true, messagesJson: constant }
      const scope = { ...readVariables(variablesJson), [reservedVariable]: options.now }
      try {
        const messages = build(scope)
        const problem = checkMessages(messages)[0]
        if (problem !== undefined) return { ok: false, reason: describe(problem) }
        return { ok: true, messagesJson: JSON.stringify(messages) }
      } catch (error) {
        if (!(error instanceof RowFault)) throw error
        return { ok: false, reason: describe({ pointer: error.pointer, problem: error.message }) }
      }
    },
  }
}

/** A row's variables don't fit a text. */
class RowFault extends Error {
  readonly pointer: string
  constructor(pointer: string, message: string) {
    super(message)
    this.pointer = pointer
  }
}

/** Parses a row's variables; whole numbers beyond 2^53 keep their digits, as text. */
function readVariables(json: string): object {
  const variables: unknown = /\d{16}/.test(json) ? JSON.parse(json, keepDigits) : JSON.parse(json)
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
    throw new Error("A row's variables must be a JSON object.")
  }
  return variables
}

function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? source : value
}

function describe(problem: MessageProblem | undefined): string {
  return problem === undefined ? '' : `At ${problem.pointer || '/'}: ${problem.problem}`
}
