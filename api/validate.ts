// Checks input against its zod schema, and says what is wrong in sentences that point at the place.
import { z } from 'zod'
import { nearest } from '../config/nearest.ts'
import { pointerTo } from './pointer.ts'
import { Problem, type ProblemError } from './problem.ts'

type Issue = z.core.$ZodIssue

/** A member of a JSON schema node, where there is one of that name. */
function member(node: unknown, key: string): unknown {
  return typeof node === 'object' && node !== null
    ? Object.getOwnPropertyDescriptor(node, key)?.value
    : undefined
}

/** A node and the branches of its union. */
function branchesOf(node: unknown): unknown[] {
  const anyOf = member(node, 'anyOf')
  return Array.isArray(anyOf) ? [node, ...(anyOf as unknown[])] : [node]
}

/** Names that an object may have at the path. */
function knownNames(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let nodes: unknown[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })]
  for (const step of path) {
    nodes = nodes
      .flatMap(branchesOf)
      .map((node) =>
        typeof step === 'number'
          ? member(node, 'items')
          : member(member(node, 'properties'), String(step)),
      )
  }
  return nodes.flatMap(branchesOf).flatMap((node) => Object.keys(member(node, 'properties') ?? {}))
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

const withArticle = (noun: string) => (/^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`)

const noun: Record<string, string> = { int: 'whole number', record: 'object', nonoptional: 'value' }

/** The branch of a union that the input was meant for: the one that it got furthest into. */
function meantBranch(branches: readonly Issue[][]): Issue[] | undefined {
  return branches.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  )
}

interface Fault {
  path: PropertyKey[]
  detail: string
}

function sizeWords(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall, bound: string) {
  const size = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const [one, many] = issue.origin === 'string' ? ['character', 'characters'] : ['entry', 'entries']
  const isCounted = ['string', 'array', 'set'].includes(issue.origin)
  return isCounted ? `must have ${bound} ${Number(size) === 1 ? one : many}` : `must be ${bound}`
}

function faultsOf(schema: z.ZodType, input: unknown, issue: Issue, at: PropertyKey[]): Fault[] {
  const path = [...at, ...issue.path]
  const say = (detail: string): Fault[] => [{ path, detail }]
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = withArticle(noun[issue.expected] ?? issue.expected)
      const value = valueAt(input, path)
      if (value === undefined) return say(`is missing; it must be ${wanted}.`)
      return say(
        `must be ${wanted}, not ${withArticle(typeName(value)).replace('a null', 'null')}.`,
      )
    }
    case 'too_small':
      return say(`${sizeWords(issue, `at least ${issue.minimum}`)}.`)
    case 'too_big':
      return say(`${sizeWords(issue, `at most ${issue.maximum}`)}.`)
    case 'invalid_value': {
      const wanted = issue.values.map((value) => JSON.stringify(value)).join(', ')
      const start = valueAt(input, path) === undefined ? 'is missing; it must' : 'must'
      return say(`${start} be ${issue.values.length > 1 ? 'one of ' : ''}${wanted}.`)
    }
    case 'unrecognized_keys': {
      const known = knownNames(schema, path)
      return issue.keys.map((key) => {
        const meant = nearest(key, known)
        const hint = meant === undefined ? 'nothing may stand here' : `did you mean "${meant}"?`
        return { path: [...path, key], detail: `is not known here; ${hint}` }
      })
    }
    case 'invalid_union': {
      const branch = meantBranch(issue.errors)
      if (branch) return branch.flatMap((inner) => faultsOf(schema, input, inner, path))
      const start =
        valueAt(input, path) === undefined ? 'is missing' : 'is of no form that is allowed'
      return say(`${start}; see the description of this field in /docs.`)
    }
    case 'custom':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
      return say(issue.message)
  }
}

/** More than these help nobody. */
const mostErrors = 50

/**
 * Parses a body. @throws Problem invalid-body, with a JSON pointer for each fault.
 * An absent body is read as an empty object, so that its missing fields are named.
 */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const input = body === undefined ? {} : body
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues
    .flatMap((issue) => faultsOf(schema, input, issue, []))
    .slice(0, mostErrors)
    .map(({ path, detail }): ProblemError => {
      const name = path.length > 0 ? `"${path.join('.')}"` : 'The body'
      return { pointer: pointerTo(path), detail: `${name} ${detail}` }
    })
  throw new Problem('invalid-body', errors[0]?.detail ?? 'The body is wrong.', { errors })
}

/** Parses a query string's parameters. @throws Problem invalid-query */
export function parseQuery<S extends z.ZodType>(schema: S, query: unknown): z.output<S> {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues
    .flatMap((issue) => faultsOf(schema, query, issue, []))
    .map(({ path, detail }): ProblemError => {
      const parameter = path.join('.')
      return { parameter, detail: `The parameter "${parameter}" ${detail}` }
    })
  throw new Problem('invalid-query', errors[0]?.detail ?? 'The query is wrong.', { errors })
}
