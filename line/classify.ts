// The one place where a status code of LINE is read: what an HTTP answer to push or multicast means.
import { type Lane } from '../domain/lane.ts'
import { cleanLineWords, parseJson, readLineWords, type LineWords } from './line-words.ts'
import { type LineAnswer } from './port.ts'

/** An HTTP answer that arrived in full. */
export interface HttpAnswer {
  status: number
  /** By lower-case name. */
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
}

/** Means nothing yet: the client has to ask LINE something else first. */
export type Unsettled =
  /** 401: the call is repeated once with a renewed token. */
  | { kind: 'needs-token'; reason: string; lineRequestId: string | null }
  /** 429 whose text speaks of the month: the quota endpoints decide between throttled and quota-reached. */
  | { kind: 'needs-quota'; reason: string; lineRequestId: string | null }

/**
 * What LINE's answer to a push or multicast call means (the table of the delivery protocol, section 7).
 * Texts only refine what the status says, because LINE may change them without notice.
 * `recipients` is the length of the call's `to`; an index beyond it names nobody.
 */
export function classify(
  lane: Lane,
  recipients: number,
  answer: HttpAnswer,
): LineAnswer | Unsettled {
  const lineRequestId = headerOf(answer, 'x-line-request-id')
  const { status } = answer
  if (status >= 200 && status < 300) return classifySuccess(answer, lineRequestId)
  const words = readLineWords(answer.body)
  const reason = reasonOf(status, words)
  if (status === 400) return classifyBadRequest(lane, recipients, words, reason, lineRequestId)
  if (status === 401) return { kind: 'needs-token', reason, lineRequestId }
  if (status === 409) {
    const acceptedId = headerOf(answer, 'x-line-accepted-request-id')
    if (acceptedId !== null) return { kind: 'accepted-earlier', lineRequestId: acceptedId }
    return { kind: 'in-doubt', reason, lineRequestId }
  }
  if (status === 429) {
    const isMonthly = /monthly\s+limit/i.test(words.message)
    return { kind: isMonthly ? 'needs-quota' : 'throttled', reason, lineRequestId }
  }
  if (status > 400 && status < 500) return { kind: 'call-refused', reason, lineRequestId }
  // 5xx by LINE's table; 1xx and 3xx are none of LINE's, so nothing is known of what stood behind them.
  return { kind: 'in-doubt', reason, lineRequestId }
}

/** `LINE answered 400: …` with LINE's words, cleaned. */
export function reasonOf(status: number, words: LineWords): string {
  const text = cleanLineWords(words)
  return text === '' ? `LINE answered ${status}.` : `LINE answered ${status}: ${text}`
}

/**
 * A 2xx counts only with a JSON object, or with an empty body and LINE's request id: a proxy's page or a
 * torn body also comes as 200, and calling again with the same key (409 then) is cheaper than a lost message.
 */
function classifySuccess(answer: HttpAnswer, lineRequestId: string | null): LineAnswer {
  const isLines =
    answer.body === ''
      ? lineRequestId !== null
      : answer.body === '{}' || isObject(parseJson(answer.body))
  if (isLines) return { kind: 'accepted', lineRequestId }
  const reason = `The answer had status ${answer.status} but not LINE's form.`
  return { kind: 'in-doubt', reason, lineRequestId }
}

function classifyBadRequest(
  lane: Lane,
  recipients: number,
  words: LineWords,
  reason: string,
  lineRequestId: string | null,
): LineAnswer {
  const fault = placeOf(words)
  if (fault.at === 'messages') return { kind: 'content-refused', reason, lineRequestId }
  if (fault.at === 'call') return { kind: 'call-refused', reason, lineRequestId }
  if (lane === 'push') return { kind: 'recipient-refused', index: 0, reason, lineRequestId }
  if (fault.at === 'recipient' && fault.index < recipients) {
    return { kind: 'recipient-refused', index: fault.index, reason, lineRequestId }
  }
  return { kind: 'some-recipient-refused', reason, lineRequestId }
}

type FaultPlace =
  | { at: 'messages' }
  | { at: 'call' }
  | { at: 'recipient'; index: number }
  /** `to` as a whole, or nothing named at all. */
  | { at: 'unnamed' }

/**
 * Where LINE sees the fault of a 400. Content goes first: refused content would refuse every part of a split too.
 * The forms are those seen so far: `messages[0].text`, `A message (messages[0]) in …`, the JSON pointers of Flex
 * (`/footer/contents/2`), `The property, to[1], in …`, `'to[1]'`, and `Failed to send messages`, which names nobody.
 */
function placeOf(words: LineWords): FaultPlace {
  const properties = words.details.map(({ property }) => property.replace(/^['"]|['"]$/g, ''))
  const texts = [words.message, ...words.details.map(({ message }) => message)]
  const named = properties.filter((property) => property !== '')
  const isInMessages = (text: string) =>
    /\bmessages?\[\d+\]/.test(text) || /\bproperty,? '?messages'?,/.test(text)
  const isOfCall = (property: string) =>
    /^\/?(customAggregationUnits|notificationDisabled|x-line-retry-key)\b/i.test(property)
  const isRecipient = (property: string) => /^\/?to\b/.test(property)

  if (texts.some(isInMessages)) return { at: 'messages' }
  if (named.some((property) => !isRecipient(property) && !isOfCall(property))) {
    return { at: 'messages' }
  }
  for (const text of [...named, ...texts]) {
    const index = /(?:\bto\[|^\/to\/)(\d{1,4})\b/.exec(text)?.[1]
    if (index !== undefined) return { at: 'recipient', index: Number(index) }
  }
  const isOurs = texts.some((text) =>
    /parsed as JSON|retry[ -]key|customAggregationUnits|notificationDisabled/i.test(text),
  )
  return isOurs || named.some(isOfCall) ? { at: 'call' } : { at: 'unnamed' }
}

function headerOf(answer: HttpAnswer, name: string): string | null {
  const value = answer.headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
