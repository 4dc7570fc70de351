// What the simulator answers with, and LINE's error bodies word for word.

export interface Detail {
  message: string
  property: string
}

/** An answer to one HTTP request; `cut` ends it early on purpose. */
export interface Answer {
  status: number
  body: string
  headers?: Record<string, string>
  /** `drop`: the socket is closed instead of an answer. `half`: it is closed in the middle of the body. */
  cut?: 'drop' | 'half'
}

export function json(status: number, value: unknown, headers?: Record<string, string>): Answer {
  return { status, body: JSON.stringify(value), ...(headers === undefined ? {} : { headers }) }
}

/** LINE's error body: `details` is absent when there are none. */
export function lineError(status: number, message: string, details?: readonly Detail[]): Answer {
  return json(
    status,
    details === undefined || details.length === 0 ? { message } : { message, details },
  )
}

/** The OAuth form that LINE's token endpoints use. */
export function oauthError(error: string, description: string): Answer {
  return json(400, { error, error_description: description })
}

export const EMPTY_OK: Answer = { status: 200, body: '{}' }

export const UNAUTHORIZED: Answer = lineError(
  401,
  'Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid.',
)
export const RATE_EXCEEDED: Answer = lineError(
  429,
  'The API rate limit has been exceeded. Try again later.',
)
export const QUOTA_EXCEEDED: Answer = lineError(429, 'You have reached your monthly limit.')
/** LINE documents the case, not its words. */
export const TOO_MANY_FOR_USER: Answer = lineError(
  429,
  'You have sent too many messages to the same user.',
)
export const FAILED_TO_SEND: Answer = lineError(400, 'Failed to send messages')
export const INTERNAL_ERROR: Answer = lineError(500, 'The error occurred on the server')
export const UNAVAILABLE: Answer = lineError(503, 'Service unavailable')
export const FORBIDDEN: Answer = lineError(
  403,
  'Access to this API is not available for your account',
)
export const NOT_FOUND: Answer = lineError(404, 'Not found')
export const TOO_LARGE: Answer = lineError(413, 'Request entity too large')

/** `The property, to[1], …`: LINE's words for a field that it can't take at all. */
export function invalidProperty(property: string): Answer {
  return lineError(
    400,
    `The property, ${property}, in the request body is invalid (line: -, column: -)`,
  )
}

export function fieldErrors(details: readonly Detail[]): Answer {
  return lineError(400, `The request body has ${details.length} error(s)`, details)
}

/** The position is taken from the parser's own message, which Node may word without one. */
export function notJson(error: unknown): Answer {
  const at = /line (\d+) column (\d+)/.exec(String(error))
  return lineError(
    400,
    `The request body could not be parsed as JSON (line: ${at?.[1] ?? '-'}, column: ${at?.[2] ?? '-'})`,
  )
}
