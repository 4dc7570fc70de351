// What was called, when and how it ended: counts, a timeline by the second and the last ten thousand calls.

const RING = 10_000
const TIMELINE_SECONDS = 3600

export interface Call {
  /** Wall clock, ms since 1970 with fractions: when the call's headers had arrived. */
  at: number
  endpoint: string
  /** Null while the answer is out, and for ever when the connection was cut instead. */
  status: number | null
  accepted: boolean
  retryKey: string | null
  recipients: number
  unit: string | null
  requestId: string
  channelId: string | null
  /** When the answer was handed to the socket, or the connection was cut. */
  answeredAt: number | null
  /** The kind of the fault that fell on this call. */
  fault: string | null
}

export interface EndpointCounts {
  calls: number
  accepted: number
  /** By status; `cut` counts calls whose connection was closed before an answer, by either side. */
  statuses: Record<string, number>
  firstCallAt: number | null
  lastCallAt: number | null
  lastAnswerAt: number | null
}

export interface Calls {
  start(endpoint: string, requestId: string): Call
  /** Notes that the call was accepted: it counts, whatever becomes of its answer. */
  accept(call: Call): void
  /** Notes the answer, or null for a connection closed without one; only the first end counts. */
  end(call: Call, status: number | null): void
  connectionOpened(): void
  connectionClosed(): void
  /** The last calls, oldest first, optionally only those of an endpoint or begun at or after `since`. */
  recent(filter: { since?: number | undefined; endpoint?: string | undefined }): Call[]
  stats(): object
  reset(): void
}

export function createCalls(wallMs: () => number): Calls {
  let ring: Call[] = []
  let next = 0
  let endpoints = new Map<string, EndpointCounts>()
  let timeline = new Map<number, Record<string, number>>()
  let firstCallAt: number | null = null
  let lastCallAt: number | null = null
  let lastAnswerAt: number | null = null
  let inFlight = 0
  let maxInFlight = 0
  let open = 0
  let maxOpen = 0

  function countsOf(endpoint: string): EndpointCounts {
    let counts = endpoints.get(endpoint)
    if (counts === undefined) {
      counts = {
        calls: 0,
        accepted: 0,
        statuses: {},
        firstCallAt: null,
        lastCallAt: null,
        lastAnswerAt: null,
      }
      endpoints.set(endpoint, counts)
    }
    return counts
  }

  function countSecond(endpoint: string, at: number) {
    const second = Math.floor(at / 1000)
    let row = timeline.get(second)
    if (row === undefined) {
      row = {}
      timeline.set(second, row)
      for (const old of timeline.keys()) {
        if (old >= second - TIMELINE_SECONDS) break
        timeline.delete(old)
      }
    }
    row[endpoint] = (row[endpoint] ?? 0) + 1
  }

  return {
    start(endpoint, requestId) {
      const at = wallMs()
      const call: Call = {
        at,
        endpoint,
        status: null,
        accepted: false,
        retryKey: null,
        recipients: 0,
        unit: null,
        requestId,
        channelId: null,
        answeredAt: null,
        fault: null,
      }
      ring[next] = call
      next = (next + 1) % RING
      const counts = countsOf(endpoint)
      counts.calls++
      counts.firstCallAt ??= at
      counts.lastCallAt = at
      countSecond(endpoint, at)
      firstCallAt ??= at
      lastCallAt = at
      maxInFlight = Math.max(maxInFlight, ++inFlight)
      return call
    },
    end(call, status) {
      if (call.answeredAt !== null) return
      call.status = status
      call.answeredAt = lastAnswerAt = wallMs()
      inFlight--
      const counts = countsOf(call.endpoint)
      counts.lastAnswerAt = lastAnswerAt
      const name = status === null ? 'cut' : String(status)
      counts.statuses[name] = (counts.statuses[name] ?? 0) + 1
    },
    accept(call) {
      call.accepted = true
      countsOf(call.endpoint).accepted++
    },
    connectionOpened() {
      maxOpen = Math.max(maxOpen, ++open)
    },
    connectionClosed() {
      open--
    },
    recent({ since = 0, endpoint }) {
      const inOrder = [...ring.slice(next), ...ring.slice(0, next)]
      return inOrder.filter(
        (call) => call.at >= since && (endpoint === undefined || call.endpoint === endpoint),
      )
    },
    stats: () => ({
      endpoints: Object.fromEntries(endpoints),
      accepted: sum(endpoints, (counts) => counts.accepted),
      alreadyAccepted: sum(endpoints, (counts) => counts.statuses['409'] ?? 0),
      firstCallAt,
      lastCallAt,
      lastAnswerAt,
      inFlight,
      maxInFlight,
      connections: { open, max: maxOpen },
      callsStartedPerSecond: Object.fromEntries(timeline),
    }),
    reset() {
      ring = []
      next = 0
      endpoints = new Map()
      timeline = new Map()
      firstCallAt = lastCallAt = lastAnswerAt = null
      // Calls and connections under way stay counted: they still end.
      maxInFlight = inFlight
      maxOpen = open
    },
  }
}

function sum(endpoints: Map<string, EndpointCounts>, of: (counts: EndpointCounts) => number) {
  let total = 0
  for (const counts of endpoints.values()) total += of(counts)
  return total
}
