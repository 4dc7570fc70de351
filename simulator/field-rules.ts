// Checks of single fields, with LINE's words for what is wrong and LINE's two ways to name the place.
import { type Detail } from './answers.ts'

/**
 * A place in a message. Errors in a message's own fields are named `messages[0].text`; those inside a
 * Flex or template message are named by a JSON pointer (`/footer/contents/2`).
 */
export interface Spot {
  readonly path: string
  readonly style: 'dotted' | 'pointer'
  readonly errors: Detail[]
}

export type Fields = Record<string, unknown>

export function at({ path, style, errors }: Spot, field: string | number): Spot {
  const step =
    style === 'pointer' ? `/${field}` : typeof field === 'number' ? `[${field}]` : `.${field}`
  return { path: path + step, style, errors }
}

export function fail(spot: Spot, message: string): void {
  spot.errors.push({ message, property: spot.path })
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object at `field`, or undefined after noting what is wrong; absent is wrong unless optional. */
export function fieldsAt(spot: Spot, value: unknown, optional = false): Fields | undefined {
  if (value === undefined && optional) return undefined
  if (isFields(value)) return value
  fail(spot, value === undefined ? 'May not be empty' : 'Invalid value')
  return undefined
}

export interface TextRule {
  max: number
  optional?: boolean
  /** Counted in grapheme clusters, as LINE counts labels and template texts; else in UTF-16 units. */
  graphemes?: boolean
  pattern?: RegExp
}

export function checkText(spot: Spot, value: unknown, rule: TextRule): void {
  if (value === undefined && rule.optional === true) return
  if (typeof value !== 'string') {
    return fail(spot, value === undefined ? 'May not be empty' : 'Invalid value')
  }
  if (value === '' && rule.optional !== true) return fail(spot, 'May not be empty')
  if (value.length > rule.max && (rule.graphemes !== true || graphemes(value) > rule.max))
    return fail(spot, `Length must be between 0 and ${rule.max}`)
  if (rule.pattern !== undefined && !rule.pattern.test(value)) fail(spot, 'Invalid value')
}

const segmenter = new Intl.Segmenter()

function graphemes(text: string): number {
  return Array.from(segmenter.segment(text)).length
}

export interface UrlRule {
  max?: number
  optional?: boolean
  schemes?: readonly string[]
}

/** An address: https and at most 2,000 characters unless said otherwise. */
export function checkUrl(spot: Spot, value: unknown, rule: UrlRule = {}): void {
  const { max = 2000, optional = false, schemes = ['https'] } = rule
  if (value === undefined && optional) return
  if (typeof value !== 'string' || value === '') return fail(spot, 'May not be empty')
  if (value.length > max) return fail(spot, `Length must be between 0 and ${max}`)
  const scheme = /^([a-z][a-z0-9+.-]*):./i.exec(value)?.[1]?.toLowerCase()
  if (scheme === undefined || !schemes.includes(scheme)) fail(spot, 'Invalid uri scheme')
}

export function checkOneOf(
  spot: Spot,
  value: unknown,
  allowed: readonly string[],
  optional = false,
): void {
  if (value === undefined && optional) return
  if (typeof value !== 'string' || !allowed.includes(value))
    fail(spot, `Must be one of the following values: [${allowed.join(', ')}]`)
}

export function checkNumber(spot: Spot, value: unknown, min: number, max: number): void {
  if (value === undefined) return fail(spot, 'May not be empty')
  if (typeof value !== 'number' || value < min || value > max)
    fail(spot, `must be between ${min} and ${max}`)
}

/** The list at this place when its size is right; otherwise undefined, after noting it. */
export function listAt(
  spot: Spot,
  value: unknown,
  min: number,
  max: number,
): readonly unknown[] | undefined {
  if (Array.isArray(value) && value.length >= min && value.length <= max) return value as unknown[]
  if (value === undefined && min === 0) return []
  fail(spot, value === undefined ? 'May not be empty' : `Size must be between ${min} and ${max}`)
  return undefined
}
