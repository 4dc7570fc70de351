// What was called and how it ended: counts by kind of call, bytes, the busiest second, and the last calls.
import { type RouteName } from './routes.ts'

const RING = 10_000

/** One call. */
export interface Call {
  at: number
  route: RouteName | 'none'
  jobId: string
  table: string
  status: number | null
  fault: string | null
  rows: number
  bytesIn: number
  bytesOut: number
  ms: number
}

interface Counts {
  calls: number
  /** By status; `cut` counts those whose connection was closed instead. */
  statuses: Record<string, number>
  rows: number
  bytesIn: number
  bytesOut: number
  /** Most calls that began in one second. */
  peakPerSecond: number
  longestMs: number
}

/** Makes an empty record. */
export function createCalls(now: () => number) {
  let ring: Call[] = []
  let next = 0
  let counts = new Map<string, Counts>()
  let second = { at: 0, calls: new Map<string, number>() }

  function countsOf(route: string): Counts {
    let found = counts.get(route)
    if (!found) {
      found = {
        calls: 0,
        statuses: {},
        rows: 0,
        bytesIn: 0,
        bytesOut: 0,
        peakPerSecond: 0,
        longestMs: 0,
      }
      counts.set(route, found)
    }
    return found
  }

  return {
    start(route: RouteName | 'none', jobId: string, table: string): Call {
      const call: Call = {
        at: now(),
        route,
        jobId,
        table,
        status: null,
        fault: null,
        rows: 0,
        bytesIn: 0,
        bytesOut: 0,
        ms: 0,
      }
      ring[next] = call
      next = (next + 1) % RING
      const at = Math.floor(call.at / 1000)
      if (second.at !== at) second = { at, calls: new Map() }
      const begun = (second.calls.get(route) ?? 0) + 1
      second.calls.set(route, begun)
      const found = countsOf(route)
      found.calls++
      found.peakPerSecond = Math.max(found.peakPerSecond, begun)
      return call
    },
    end(call: Call, status: number | null) {
      call.status = status
      call.ms = now() - call.at
      const found = countsOf(call.route)
      const name = status === null ? 'cut' : String(status)
      found.statuses[name] = (found.statuses[name] ?? 0) + 1
      found.rows += call.rows
      found.bytesIn += call.bytesIn
      found.bytesOut += call.bytesOut
      found.longestMs = Math.max(found.longestMs, call.ms)
    },
    recent: (route: string | null) =>
      [...ring.slice(next), ...ring.slice(0, next)].filter(
        (call) => route === null || call.route === route,
      ),
    stats: () => Object.fromEntries(counts),
    reset() {
      ring = []
      next = 0
      counts = new Map()
    },
  }
}
