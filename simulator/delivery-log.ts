// Who was reached by which accepted call, in order: a row of number columns that forgets its oldest part.

/** Calls in one segment; a segment is forgotten whole. */
const SEGMENT_CALLS = 16_384
const SEGMENT_RECIPIENTS = 1_000_000

export interface LoggedCall {
  at: number
  endpoint: 'push' | 'multicast'
  seq: number
  unit: string | undefined
  /** Number of the messages in the body store. */
  body: number
}

export interface DeliveryLog {
  begin(call: LoggedCall): void
  /** Adds a phone to the call begun last. */
  add(phone: number): void
  /** The kept calls that reached this phone, oldest first; one that reached it twice is there twice. */
  callsOf(phone: number): LoggedCall[]
  /** Calls forgotten so far. */
  readonly dropped: number
}

interface Segment {
  calls: LoggedCall[]
  starts: Uint32Array
  recipients: Uint32Array
  used: number
}

/** @param maxRecipients how many (call, phone) pairs are kept; @param maxCalls how many calls. */
export function createDeliveryLog(maxRecipients = 16_000_000, maxCalls = 1_000_000): DeliveryLog {
  const segments: Segment[] = []
  let open: Segment | undefined
  let recipients = 0
  let calls = 0
  let dropped = 0

  function nextSegment(): Segment {
    const segment = {
      calls: [],
      starts: new Uint32Array(SEGMENT_CALLS),
      recipients: new Uint32Array(SEGMENT_CALLS),
      used: 0,
    }
    segments.push(segment)
    while (segments.length > 1 && (recipients > maxRecipients || calls > maxCalls)) {
      const oldest = segments.shift()
      recipients -= oldest?.used ?? 0
      calls -= oldest?.calls.length ?? 0
      dropped += oldest?.calls.length ?? 0
    }
    return segment
  }

  return {
    begin(call) {
      if (
        open === undefined ||
        open.calls.length === SEGMENT_CALLS ||
        open.used > SEGMENT_RECIPIENTS
      )
        open = nextSegment()
      open.starts[open.calls.length] = open.used
      open.calls.push(call)
      calls++
    },
    add(phone) {
      if (open === undefined) return
      if (open.used === open.recipients.length) {
        const larger = new Uint32Array(open.used * 2)
        larger.set(open.recipients)
        open.recipients = larger
      }
      open.recipients[open.used++] = phone
      recipients++
    },
    callsOf(phone) {
      const found: LoggedCall[] = []
      for (const segment of segments) {
        for (let i = segment.recipients.indexOf(phone); i !== -1 && i < segment.used;) {
          const call = segment.calls[callAt(segment, i)]
          if (call !== undefined) found.push(call)
          i = segment.recipients.indexOf(phone, i + 1)
        }
      }
      return found
    },
    get dropped() {
      return dropped
    },
  }
}

/** The last call whose recipients begin at or before `position`; calls that reached nobody share a start. */
function callAt({ calls, starts }: Segment, position: number): number {
  let low = 0
  let high = calls.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((starts[middle] as number) <= position) low = middle
    else high = middle - 1
  }
  return low
}
