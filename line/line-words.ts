// What LINE wrote in the body of a refusal, read tolerantly and made fit for logs and reports.

/** A refusal's body: REF "Error responses", or the OAuth form of the token endpoints. */
export interface LineWords {
  message: string
  details: { message: string; property: string }[]
}

/** Longest text that is kept of LINE's words, in UTF-16 code units. */
const longestWords = 200

/** Reads a refusal's body; what isn't there, isn't text or isn't JSON becomes empty text. */
export function readLineWords(body: string): LineWords {
  const fields = asFields(parseJson(body))
  const details = Array.isArray(fields['details']) ? (fields['details'] as unknown[]) : []
  return {
    message: asText(fields['message']) || asText(fields['error_description'] ?? fields['error']),
    details: details.map((detail) => {
      const { message, property } = asFields(detail)
      return { message: asText(message), property: asText(property) }
    }),
  }
}

/**
 * One line for a log or a report: LINE's message and details, at most 200 characters.
 * User, group and room ids and anything that could be a token are masked, since LINE may echo what it refused.
 */
export function cleanLineWords(words: LineWords): string {
  const parts = [
    words.message,
    ...words.details.map(({ property, message }) => [property, message].filter(Boolean).join(': ')),
  ]
  return cleanText(parts.filter(Boolean).join('; '))
}

/** Masks ids and long opaque runs of a text from outside, flattens its white space and cuts it. */
export function cleanText(text: string): string {
  return text
    .slice(0, 4 * longestWords)
    .replace(/[UCR][0-9a-f]{32}/gi, '<id>')
    .replace(/[A-Za-z0-9+_=-]{40,}/g, '<masked>')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, longestWords)
}

/** The JSON value of a text, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // That it is no JSON is the answer; the caller decides what it means.
    return undefined
  }
}

/** The fields of a JSON object; none for anything else. */
function asFields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
