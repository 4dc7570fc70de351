// What BigQuery's errors mean, judged in one place: lost, throttled, there already, missing, or refused.
// https://cloud.google.com/bigquery/docs/error-messages

/** One entry of an error list as BigQuery writes it. */
export interface ErrorProto {
  reason?: string
  message?: string
  location?: string
}

/**
 * - `lost`: nobody knows whether the call arrived; the same call may be made again.
 * - `throttled`: definitely not done; the same call again, later.
 * - `duplicate`: a job or table of that name is there.
 * - `missing`: there is no such job, table or dataset.
 * - `refused`: BigQuery will not do this as it stands.
 */
export type FailureKind = 'lost' | 'throttled' | 'duplicate' | 'missing' | 'refused'

/** A call to BigQuery, or a job of it, that came to nothing. */
export class BigQueryFailure extends Error {
  override readonly name = 'BigQueryFailure'
  readonly kind: FailureKind
  /** BigQuery's own word, such as `invalidQuery`. */
  readonly reason: string
  constructor(kind: FailureKind, reason: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
    this.reason = reason
  }
}

const throttles = [
  'rateLimitExceeded',
  'jobRateLimitExceeded',
  'userRateLimitExceeded',
  'tableUnavailable',
]
const lost = ['backendError', 'internalError', 'jobBackendError', 'jobInternalError']

/** The failure of a call, from what the client threw. */
export function failureOf(error: unknown): BigQueryFailure {
  if (error instanceof BigQueryFailure) return error
  const { code, errors, message } = (error ?? {}) as {
    code?: unknown
    errors?: ErrorProto[]
    message?: string
  }
  const first = errors?.[0]
  const reason = first?.reason ?? ''
  const words = first?.message ?? message ?? String(error)
  // By google-auth-library, before any call; waiting does not help.
  if (/default credentials|invalid_grant/i.test(words))
    return new BigQueryFailure('refused', 'noCredentials', words, error)
  return new BigQueryFailure(kindOf(code, reason), reason || String(code), words, error)
}

/**
 * The failure of a read, from what google-auth-library threw. BigQuery's answer, where there is one, is its text; what
 * has another answer failed before, where a token was asked for, and says nothing of what was to be read.
 */
export function failureOfRead(error: unknown, baseUrl: string): BigQueryFailure {
  const { response } = (error ?? {}) as {
    response?: { status: number; data?: unknown; config?: { url?: unknown } }
  }
  if (!response) return failureOf(error)
  if (!String(response.config?.url).startsWith(baseUrl)) {
    const { kind, reason, message } = failureOf(error)
    return new BigQueryFailure(kind === 'refused' ? kind : 'lost', reason, message, error)
  }
  const told = errorIn(response.data)
  return failureOf({
    message: `BigQuery answered ${response.status}.`,
    ...told,
    code: response.status,
  })
}

/** What an answer says of its error; nothing where it is no JSON, as of a proxy. */
function errorIn(body: unknown): { errors?: ErrorProto[]; message?: string } {
  try {
    const { error } = JSON.parse(String(body)) as {
      error?: { errors?: ErrorProto[]; message?: string }
    }
    return error ?? {}
  } catch {
    return {}
  }
}

function kindOf(code: unknown, reason: string): FailureKind {
  if (throttles.includes(reason) || code === 429) return 'throttled'
  if (lost.includes(reason)) return 'lost'
  // Without a status there was no answer: the connection broke, perhaps after the call had arrived.
  if (typeof code !== 'number' || code >= 500 || code === 408) return 'lost'
  if (code === 409) return 'duplicate'
  if (code === 404) return 'missing'
  return 'refused'
}

/** The failure of a job that has ended, from its `errorResult`; `lost` where another try may do. */
export function jobFailureOf({ reason = '', message = '' }: ErrorProto): BigQueryFailure {
  const kind = throttles.includes(reason)
    ? 'throttled'
    : // A job that was cancelled under an earlier attempt of ours has ended for good.
      lost.includes(reason) || reason === 'stopped'
      ? 'lost'
      : reason === 'duplicate'
        ? 'duplicate'
        : reason === 'notFound'
          ? 'missing'
          : 'refused'
  return new BigQueryFailure(kind, reason, message)
}
