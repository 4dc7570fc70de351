// BigQuery's errors: a reason, an HTTP status and its words, as a failed call or in a failed job.

/** Statuses by reason, as the page "Error messages" of BigQuery lists them. */
const STATUS_OF = {
  accessDenied: 403,
  backendError: 503,
  bytesBilledLimitExceeded: 400,
  duplicate: 409,
  internalError: 500,
  invalid: 400,
  invalidQuery: 400,
  notFound: 404,
  quotaExceeded: 403,
  rateLimitExceeded: 403,
  required: 400,
  resourcesExceeded: 400,
  stopped: 200,
} as const

/** The reasons that the simulator gives. */
export type Reason = keyof typeof STATUS_OF

/** All reasons, for faults. */
export const REASONS = Object.keys(STATUS_OF) as Reason[]

/** The `ErrorProto` of a job's status and of an error body. */
export interface ErrorProto {
  reason: string
  message: string
  location?: string
}

const NAMES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
}

/** An error in BigQuery's own words; a route answers with it, a job fails with it. */
export class BigQueryError extends Error {
  override readonly name = 'BigQueryError'
  readonly reason: Reason
  readonly status: number
  readonly location: string | undefined
  constructor(reason: Reason, message: string, location?: string, status?: number) {
    super(message)
    this.reason = reason
    this.status = status ?? STATUS_OF[reason]
    this.location = location
  }

  /** The error that a job's `errorResult` becomes where its rows are asked for. */
  static of({ reason, message, location }: ErrorProto): BigQueryError {
    const known = REASONS.find((one) => one === reason) ?? 'internalError'
    return new BigQueryError(known, message, location, known === 'stopped' ? 499 : undefined)
  }

  /** As it stands in a job's `errorResult`. */
  proto(): ErrorProto {
    return {
      reason: this.reason,
      ...(this.location === undefined ? {} : { location: this.location }),
      message: this.message,
    }
  }
}

/** The body of an error answer. */
export function errorBody(status: number, { reason, message, location }: ErrorProto): object {
  return {
    error: {
      code: status,
      message,
      errors: [
        {
          message,
          domain:
            reason === 'quotaExceeded' || reason === 'rateLimitExceeded' ? 'usageLimits' : 'global',
          reason,
          ...(location === undefined ? {} : { location, locationType: 'parameter' }),
        },
      ],
      status: NAMES[status] ?? 'UNKNOWN',
    },
  }
}

/** A refusal of something that BigQuery could do and the simulator can't; it always says so. */
export function unsupported(what: string, at?: string): BigQueryError {
  return new BigQueryError(
    'invalidQuery',
    `The simulator does not know ${what}${at === undefined ? '' : ` at ${at}`}; see simulator/bigquery/README.md for what it translates.`,
    'query',
  )
}

/** Of a job that somebody has cancelled. */
export function stopped(): BigQueryError {
  return new BigQueryError('stopped', 'Job execution was cancelled: User requested cancellation')
}
