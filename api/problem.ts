// Every way in which the API says no, as RFC 9457 problem documents.

interface KindFacts {
  status: number
  title: string
  /** What a reader of `/problems/<kind>` is told. */
  explanation: string
}

const kinds = {
  'invalid-json': {
    status: 400,
    title: 'The body is not JSON',
    explanation:
      'The request body could not be read as JSON text in UTF-8. The detail names the line and the column of the first character that is wrong.',
  },
  'invalid-body': {
    status: 422,
    title: 'The body has wrong fields',
    explanation:
      'The body is JSON, but fields of it are missing, unknown, or of the wrong type or size. Each entry of errors points at one of them (JSON pointer).',
  },
  'invalid-query': {
    status: 400,
    title: 'The query has wrong parameters',
    explanation:
      'Parameters after the ? are unknown or have a value that is not allowed. Each entry of errors names one of them.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is of a type that is not read here',
    explanation:
      'Bodies are JSON: send them with content-type: application/json, uncompressed or as gzip, deflate or br. An uploaded list is text/csv, uncompressed.',
  },
  'too-large': {
    status: 413,
    title: 'The body is too large',
    explanation:
      'A request body may have at most 1 MB (1,048,576 bytes), an uploaded list at most 100 MB (104,857,600 bytes).',
  },
  unauthenticated: {
    status: 401,
    title: 'A bearer token is needed',
    explanation:
      'The request has no token that is let in. Send authorization: Bearer <token>; npm start keeps one in the file api-token of the data folder.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing here',
    explanation: 'No route has this path, or nothing is stored under the id in it.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This method is not allowed here',
    explanation: 'The path exists, but not with this method. The allow header lists its methods.',
  },
  'channel-exists': {
    status: 409,
    title: 'The LINE channel is registered already',
    explanation:
      'Each LINE channel id is registered once, for rates and retry keys hang on it. Change the channel that exists.',
  },
  'delivery-ended': {
    status: 409,
    title: 'The delivery has ended',
    explanation: 'A delivery that has ended cannot be paused, resumed or cancelled any more.',
  },
  'already-cancelled': {
    status: 409,
    title: 'The delivery was cancelled',
    explanation:
      'A cancelled delivery starts no call again, so it can neither be paused nor resumed. Start the campaign again instead: lfm campaign start <id> --again <n>.',
  },
  'workflow-running': {
    status: 409,
    title: 'The delivery has a workflow',
    explanation:
      'A delivery is recovered where its workflow is gone. One that runs is never given a second workflow: terminate it in Temporal Web first if it must begin again.',
  },
  'operation-refused': {
    status: 409,
    title: 'The delivery refused the operation',
    explanation:
      'The workflow of the delivery answered that it does not do this now, or there is none: an interrupted or restored delivery is recovered first.',
  },
  'too-early': {
    status: 409,
    title: 'The delivery has not got that far',
    explanation:
      'What is asked for is made in a later phase of the delivery: the list of malformed ids when its audience is frozen, recipients by outcome when it has ended.',
  },
  'retry-refused': {
    status: 409,
    title: "The delivery can't be retried like this",
    explanation:
      'A retry is for recipients of an ended delivery that no other retry has. It needs at least one of them; with unknown, it needs mayReachTwice to be their number, and their retry keys to be past their life at LINE.',
  },
  'segment-in-use': {
    status: 409,
    title: "The segment's list is needed still",
    explanation:
      'A segment that was uploaded as a list is deleted together with the list. That waits while other segments read it, and while a delivery that has not ended has yet to freeze its audience from it; a frozen audience needs it no longer. The detail names them.',
  },
  'segment-deleted': {
    status: 409,
    title: 'The segment was deleted',
    explanation:
      'A deleted segment can be shown and nothing else: it is not changed any more, and campaigns of it start no delivery. Register another segment, and a campaign for it.',
  },
  'segment-refused': {
    status: 422,
    title: "The segment can't be used",
    explanation:
      'The warehouse refused the SQL of the segment: it must be one SELECT that yields user_id, every variable of the content, and at least one row when a campaign starts.',
  },
  'list-refused': {
    status: 422,
    title: "The uploaded list can't be used",
    explanation:
      'A list is a CSV (comma or tab, UTF-8, UTF-16 or Shift_JIS) whose first line names its columns, user_id among them, or nothing but one user id a line. At least one line must hold a LINE user id. Nothing of a refused list is kept.',
  },
  'content-refused': {
    status: 422,
    title: "The content can't be used",
    explanation:
      "The messages break a rule of LINE's message objects, or their Liquid can't be read. Each entry of errors points into messages.",
  },
  'unknown-reference': {
    status: 422,
    title: 'The body names something that does not exist',
    explanation: 'A field holds the id of a channel, content or segment that is not stored.',
  },
  'temporal-away': {
    status: 503,
    title: "Temporal can't be reached",
    explanation:
      'Resuming goes through the workflow of the delivery, which did not answer. Pausing, cancelling, rates and starts work without it.',
  },
  'store-away': {
    status: 503,
    title: "The store can't be reached",
    explanation: 'PostgreSQL does not answer. Send the request again once it does.',
  },
  'warehouse-away': {
    status: 503,
    title: 'The warehouse did not answer',
    explanation:
      'The warehouse failed for a reason that is not the SQL. The log of the API has it; send the request again.',
  },
  'line-refused': {
    status: 502,
    title: 'LINE said no',
    explanation: 'LINE refused a call that this request needed, or could not be reached.',
  },
  internal: {
    status: 500,
    title: 'A defect of LFM',
    explanation:
      'Something failed that should not. The log of the API has the details under the request id in instance.',
  },
} as const satisfies Record<string, KindFacts>

export type ProblemKind = keyof typeof kinds

/** All kinds with status, title and explanation. */
export const problemKinds: Readonly<Record<ProblemKind, KindFacts>> = kinds

/** Whether the word is a kind of problem. */
export function isProblemKind(word: string): word is ProblemKind {
  return Object.hasOwn(kinds, word)
}

/** One thing that is wrong: where in the body (JSON pointer), or which parameter, and what. */
export interface ProblemError {
  pointer?: string
  parameter?: string
  detail: string
}

/** A request is refused; thrown by routes, turned into its document in one place. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly kind: ProblemKind
  readonly errors: readonly ProblemError[]
  /** Headers that belong to the answer, such as `allow`. */
  readonly headers: Readonly<Record<string, string>>
  /** @param detail a sentence about this occurrence, without secrets. */
  constructor(
    kind: ProblemKind,
    detail: string,
    more: {
      errors?: readonly ProblemError[]
      headers?: Record<string, string>
      cause?: unknown
    } = {},
  ) {
    super(detail, { cause: more.cause })
    this.kind = kind
    this.errors = more.errors ?? []
    this.headers = more.headers ?? {}
  }
}

/** The document of a problem. @param requestId a UUID under which the log has the request. */
export function problemDocument(problem: Problem, requestId: string) {
  const { status, title } = problemKinds[problem.kind]
  return {
    type: `/problems/${problem.kind}`,
    title,
    status,
    detail: problem.message,
    instance: `urn:uuid:${requestId}`,
    ...(problem.errors.length > 0 && { errors: problem.errors }),
  }
}
