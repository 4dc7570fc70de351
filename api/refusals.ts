// Turns whatever a route throws into the problem that the caller is told.
import { LineRefusal } from '../line/port.ts'
import { ChannelExists } from '../store/channels.ts'
import { SegmentRefused } from '../warehouse/port.ts'
import { Problem } from './problem.ts'

/** Node's and PostgreSQL's codes of a database that is not there, starting, stopping or cut off. */
const awayCodes =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|08\d{3}|57P0[1-5]|53300)$/
/** pg reports these two without a code. */
const awayMessages = /^(timeout exceeded when trying to connect|Connection terminated)/

/** Whether the store could not be reached. */
export function isStoreAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('code' in error && typeof error.code === 'string' && awayCodes.test(error.code)) return true
  if (error instanceof AggregateError && error.errors.some(isStoreAway)) return true
  return awayMessages.test(error.message)
}

/** body-parser and the router mark their errors with a type or a status. */
function isMarked(error: unknown, mark: 'type' | 'status', value: unknown): error is Error {
  return error instanceof Error && Object.getOwnPropertyDescriptor(error, mark)?.value === value
}

/** The problem of a segment that the warehouse refused. */
function segmentProblem(refused: SegmentRefused): Problem {
  const { position } = refused
  const where = position ? ` (line ${position.line}, column ${position.column})` : ''
  return new Problem('segment-refused', `${refused.message}${where}`, {
    errors: [{ pointer: '/sql', detail: `${refused.reason}: ${refused.message}${where}` }],
    cause: refused,
  })
}

/** The problem that an error means; what nobody foresaw is a defect and tells the caller nothing. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof SegmentRefused) return segmentProblem(error)
  if (error instanceof ChannelExists) {
    return new Problem('channel-exists', error.message, {
      errors: [{ pointer: '/lineChannelId', detail: error.message }],
      cause: error,
    })
  }
  if (error instanceof LineRefusal) {
    return new Problem('line-refused', error.message, { cause: error })
  }
  if (isStoreAway(error)) {
    return new Problem('store-away', 'PostgreSQL does not answer now.', {
      headers: { 'retry-after': '5' },
      cause: error,
    })
  }
  if (isMarked(error, 'type', 'entity.too.large')) {
    return new Problem('too-large', 'The body has more than 1,048,576 bytes.', {
      // What is left of the body is not read.
      headers: { connection: 'close' },
      cause: error,
    })
  }
  if (isMarked(error, 'type', 'encoding.unsupported')) {
    return new Problem('unsupported-media-type', 'This content-encoding is not read here.', {
      cause: error,
    })
  }
  if (isMarked(error, 'type', 'request.size.invalid') || isMarked(error, 'status', 400)) {
    return new Problem('invalid-json', 'The request ended early or its body could not be read.', {
      cause: error,
    })
  }
  return new Problem('internal', 'LFM failed at this request. Nothing that you sent is to blame.', {
    cause: error,
  })
}
