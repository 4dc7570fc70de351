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

/** The state with who moved the gate and why, or LFM's own reason. */
export function stateText({ state, stateReason, gate }: Delivery): string {
  const moved =
    gate.position !== 'open' && gate.by !== null ? ` by ${gate.by}: ${gate.why ?? ''}` : ''
  const reason = stateReason === null ? '' : ` (${stateReason})`
  return plain(`${state}${moved}${reason}`)
}

/** A delivery with everything that is known of it. */
export function deliveryText(delivery: Delivery): string {
  const { plan, progress } = delivery
  const audience = plan?.audience
  const left = audience && audience.segmentRows - audience.planned
  return fields([
    ['id', delivery.id],
    ['campaign', delivery.campaignId],
    ['occurrence', delivery.occurrence],
    ['state', stateText(delivery)],
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
    ['aggregation unit', delivery.aggregationUnit],
    ['workflow', delivery.workflowId],
  ])
}
