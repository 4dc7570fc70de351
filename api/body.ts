// Reads request bodies: JSON in UTF-8, at most 1 MB, with nothing in it that the store can't hold.
import express, { type RequestHandler } from 'express'
import { NotJson, parseJson } from './json-text.ts'
import { pointerTo } from './pointer.ts'
import { Problem, type ProblemError } from './problem.ts'

const bodyLimitBytes = 1_048_576

/** Puts the bytes of the body into `req.body`, of whatever type; `readJson` looks at the type. */
export function rawBody(): RequestHandler {
  return express.raw({ type: () => true, limit: bodyLimitBytes })
}

/** PostgreSQL holds neither NUL nor half of a surrogate pair, in text as in jsonb. */
function unstorable(value: unknown, path: (string | number)[], found: ProblemError[]): void {
  if (found.length >= 20) return
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) {
      found.push({
        pointer: pointerTo(path),
        detail: 'The text has a NUL character or half of a surrogate pair; remove it.',
      })
    }
  } else if (Array.isArray(value)) {
    value.forEach((inner, i) => unstorable(inner, [...path, i], found))
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      unstorable(key, [...path, key], found)
      unstorable(inner, [...path, key], found)
    }
  }
}

/** Deeper than any LINE message object; what walks a body may recurse. */
const deepestNesting = 100

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}

/**
 * The JSON value of a body that `rawBody` has read; undefined where there is none.
 * @throws Problem invalid-json, unsupported-media-type or invalid-body
 */
export function readJson(body: unknown, contentType: string | undefined): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  if (
    !/^application\/(?:[\w.+-]+\+)?json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType ?? '')
  ) {
    const what = contentType === undefined ? 'The body has no content-type' : 'The body is not JSON'
    throw new Problem(
      'unsupported-media-type',
      `${what}; send it with content-type: application/json.`,
    )
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw new Problem('invalid-json', 'The body is not UTF-8 text.', { cause: error })
  }
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    if (error instanceof NotJson) throw new Problem('invalid-json', error.message)
    throw error
  }
  if (isDeeper(value, deepestNesting)) {
    throw new Problem('invalid-body', `The body is nested deeper than ${deepestNesting} levels.`)
  }
  const errors: ProblemError[] = []
  unstorable(value, [], errors)
  if (errors.length > 0) {
    throw new Problem('invalid-body', 'Texts in the body have characters that cannot be stored.', {
      errors,
    })
  }
  return value
}
