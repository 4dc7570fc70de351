// Alerts: what is said aloud of a delivery that needs a person, or that comes no further.

/** Kinds of alerts; what each means and what to do about it is in docs/runbook.md. */
export const alertKinds = [
  'unserved',
  'temporal-away',
  'interrupted',
  'paused-by-lfm',
  'stalled',
] as const

export type AlertKind = (typeof alertKinds)[number]

/** What is found wrong with a delivery at one look. */
export interface Finding {
  kind: AlertKind
  /** What the delivery waits for, in words. */
  detail: string
  since: Date
}
