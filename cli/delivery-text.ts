// How a delivery is shown to people.
import { type Answer } from './client.ts'
import { fields, plain } from './text.ts'

export type Delivery = Answer<'getDelivery'>

/** Recipients with an outcome. */
export function doneOf({ progress }: Delivery): number {
  const { accepted, rejected, unknown, skipped, unsent } = progress
  return accepted + rejected + unknown + skipped + unsent
}

/** The five outcomes in one line. */
export function outcomesText({ progress }: Delivery): string {
  const { accepted, rejected, unknown, skipped, unsent } = progress
  const parts = { accepted, rejected, unknown, skipped, unsent }
  return Object.entries(parts)
    .map(([outcome, recipients]) => `${recipients.toLocaleString('en')} ${outcome}`)
    .join(', ')
}

/** Who moved the gate and why, behind the state that this led to; behind another one it says what was done. */
function movedText({ state, gate }: Delivery): string {
  if (gate.position === 'open' || gate.by === null) return ''
  const by = `by ${gate.by}: ${gate.why ?? ''}`
  if (state === 'interrupted') return ` (${gate.position} ${by})`
  return /^(paused|cancel)/.test(state) ? ` ${by}` : ''
}

/** The state with who moved the gate and why, or LFM's own reason. */
export function stateText(delivery: Delivery): string {
  const { state, stateReason } = delivery
  const reason = stateReason === null ? '' : ` (${stateReason})`
  return plain(`${state}${movedText(delivery)}${reason}`)
}

/** A length of time in its largest unit that is not zero. */
export function lengthText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

const sinceText = (since: string, now: Date) =>
  `since ${since}, ${lengthText(now.getTime() - Date.parse(since))}`

/** What an open delivery is doing, what it waits for, and which alerts stand. */
function doingRows({ endedAt, doing, alerts }: Delivery, now: Date): [string, string][] {
  if (endedAt !== null) return []
  const { what, waitsFor, since, lastOutcomeAt } = doing
  const last =
    lastOutcomeAt === null
      ? ''
      : `; last outcome ${lengthText(now.getTime() - Date.parse(lastOutcomeAt))} ago`
  return [
    ['doing', `${what}${last}`],
    ['waits for', waitsFor === null ? 'nothing' : `${waitsFor} (${sinceText(since, now)})`],
    ...alerts.map((alert): [string, string] => [
      'alert',
      `${alert.kind}: waits for ${alert.waitsFor} (${sinceText(alert.since, now)})`,
    ]),
  ]
}

/** The state in one line, with what the delivery waits for. */
export function standingText(delivery: Delivery): string {
  const { endedAt, doing } = delivery
  const waits = endedAt === null && doing.waitsFor !== null ? `; waits for ${doing.waitsFor}` : ''
  return plain(`${stateText(delivery)}${waits}`)
}

/** What it would mean to send once more to those of whom nobody knows whether LINE took them. */
function resendText(unknown: number): string {
  return `${unknown.toLocaleString('en')} (a resend may reach these twice)`
}

/** What the delivery's jobs in the warehouse took. */
function usageText(usage: NonNullable<Delivery['warehouseUsage']>): string {
  const megabytes = (bytes: number) =>
    `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`
  const { jobs, bytesProcessed, bytesBilled, slotMs } = usage
  return `${jobs.toLocaleString('en')} jobs, ${megabytes(bytesProcessed)} processed, ${megabytes(bytesBilled)} billed, ${lengthText(slotMs)} of slots`
}

/** A delivery with everything that is known of it. */
export function deliveryText(delivery: Delivery, now = new Date()): string {
  const { plan, progress } = delivery
  const audience = plan?.audience
  const left = audience && audience.segmentRows - audience.planned
  return fields([
    ['id', delivery.id],
    ['campaign', delivery.campaignId],
    ['occurrence', delivery.occurrence],
    ...(delivery.retry
      ? ([['retry of', `${delivery.retry.of} (${delivery.retry.outcomes.join(', ')})`]] as const)
      : []),
    ['state', stateText(delivery)],
    ...doingRows(delivery, now),
    ['started', `${delivery.createdAt} by ${delivery.startedBy}`],
    ['ended', delivery.endedAt],
    ['audience', audience ? audience.segmentRows : null],
    ...(audience && left !== undefined && left > 0
      ? ([
          ['  malformed ids', audience.malformed],
          ['  duplicates', audience.duplicates],
          ['  excluded', audience.excluded],
        ] as const)
      : []),
    ['planned', plan ? progress.planned : null],
    ['outcomes', outcomesText(delivery)],
    ...(progress.unknown > 0 ? [['unknown', resendText(progress.unknown)] as const] : []),
    ...(delivery.splitCalls > 0
      ? ([['calls of splits', delivery.splitCalls.toLocaleString('en')]] as const)
      : []),
    ...(delivery.warehouseUsage
      ? [['warehouse', usageText(delivery.warehouseUsage)] as const]
      : []),
    ['aggregation unit', delivery.aggregationUnit],
    ['workflow', delivery.workflowId],
  ])
}
