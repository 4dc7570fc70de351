// Starts a campaign's delivery: checked before anything begins, made once, and started whether Temporal is there or not.
import { type Campaign } from '../store/campaigns.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { SegmentRefused } from '../warehouse/port.ts'
import { type ApiDeps } from './deps.ts'
import { Problem } from './problem.ts'
import { inspectSegment } from './segment-check.ts'

async function requireUsableSegment(deps: ApiDeps, campaign: Campaign): Promise<void> {
  const { store } = deps
  const [segment, content] = await Promise.all([
    store.segments.find(campaign.segmentId),
    store.contents.find(campaign.contentId),
  ])
  if (!segment || !content) {
    throw new Error(`Campaign ${campaign.id} refers to a segment or content that is gone.`)
  }
  const { hasRows } = await inspectSegment(deps, segment.sql, content.variables)
  if (!hasRows) {
    throw new SegmentRefused(
      'no-rows',
      `The segment "${segment.name}" yields no rows now, so there is nobody to deliver to.`,
    )
  }
}

/**
 * Makes the delivery of this occurrence, or finds it, and starts its workflow.
 * @throws Problem not-found, segment-refused
 */
export async function startDelivery(
  deps: ApiDeps,
  order: { campaignId: string; occurrence: string; by: string },
): Promise<{ delivery: Delivery; isNew: boolean }> {
  const { store, workflows } = deps
  const { campaignId, occurrence, by } = order
  const campaign = await store.campaigns.find(campaignId)
  if (!campaign) throw new Problem('not-found', `There is no campaign ${campaignId}.`)

  // A repeated request is answered with what it made, even if the segment has become unusable since.
  const found = await store.deliveries.findOccurrence(campaignId, occurrence)
  if (!found) await requireUsableSegment(deps, campaign)
  const started = found
    ? { delivery: found, isNew: false }
    : await store.deliveries.start({ campaignId, occurrence, by, at: deps.now() })
  if (!started) throw new Problem('not-found', `There is no campaign ${campaignId}.`)

  if (started.delivery.phase === 'starting') {
    const channel = await store.channels.find(started.delivery.channelId)
    if (!channel) throw new Error(`Channel ${started.delivery.channelId} is gone.`)
    await workflows
      .start(started.delivery, {
        lineChannelId: channel.lineChannelId,
        summary: `${campaign.name} through ${channel.name}`,
      })
      .catch((error: unknown) => {
        // The delivery exists and the worker's sweeper starts what has no workflow: refusing now would be untrue.
        deps.log.error({ err: error, deliveryId: started.delivery.id }, 'workflow not started')
      })
  }
  const delivery = (await store.deliveries.find(started.delivery.id)) ?? started.delivery
  return { delivery, isNew: started.isNew }
}
