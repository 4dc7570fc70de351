// What a careful sender never does: noted here, whether or not LINE would have answered with an error.

const KEPT = 1000

export type ViolationKind =
  /** The same retry key came with other bytes, or to another endpoint. */
  | 'retry-key-other-body'
  /** A key came again after LINE had forgotten it, so that the call is a new one: noted while it is known here. */
  | 'retry-key-after-24-hours'
  /** A key came again while the answer to an earlier call with it was still out. */
  | 'key-in-flight-twice'
  /** A warning: a push or multicast without a retry key can't be repeated safely. */
  | 'no-retry-key'
  /** More than 500 recipients in one multicast. */
  | 'too-many-recipients'
  /** Counted only: LINE forbids going over the rate on purpose. */
  | 'rate-exceeded'

export interface Violation {
  at: number
  kind: ViolationKind
  endpoint: string
  channelId: string | null
  retryKey: string | null
  requestId: string
}

export interface Violations {
  add(kind: ViolationKind, call: Omit<Violation, 'kind' | 'at'> & { at: number }): void
  /** All counts, and the first thousand in full. */
  report(): { count: number; byKind: Record<string, number>; violations: Violation[] }
  reset(): void
}

export function createViolations(): Violations {
  let kept: Violation[] = []
  let byKind: Record<string, number> = {}
  return {
    add(kind, { at, endpoint, channelId, retryKey, requestId }) {
      byKind[kind] = (byKind[kind] ?? 0) + 1
      if (kind === 'rate-exceeded' || kept.length >= KEPT) return
      kept.push({ at, kind, endpoint, channelId, retryKey, requestId })
    },
    report: () => ({
      count: Object.values(byKind).reduce((sum, n) => sum + n, 0),
      byKind,
      violations: kept,
    }),
    reset() {
      kept = []
      byKind = {}
    },
  }
}
