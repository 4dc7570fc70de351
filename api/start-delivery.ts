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
  if (segment.deletedAt)
    throw new Problem(
      'segment-deleted',
      `The segment "${segment.name}" of this campaign was deleted: register another segment, and a campaign for it.`,
    )
  const { hasRows } = await inspectSegment(deps, segment.sql, content.variables)
  if (!hasRows) {
    throw new SegmentRefused(
      'no-rows',
      `The segment "${segment.name}" yields no rows now, so there is nobody to deliver to.`,
    )
  }
}

/** Starts the workflow of a delivery that has just been made; the delivery as it is then. */
export async function startWorkflow(
  { store, workflows, log }: ApiDeps,
  made: Delivery,
  campaign: Campaign,
): Promise<Delivery> {
  if (made.phase === 'starting') {
    const channel = await store.channels.find(made.channelId)
    if (!channel) throw new Error(`Channel ${made.channelId} is gone.`)
    await workflows
      .start(made, {
        lineChannelId: channel.lineChannelId,
        summary: `${campaign.name} through ${channel.name}`,
      })
      .catch((error: unknown) => {
        // The delivery exists and the worker's sweeper starts what has no workflow: refusing now would be untrue.
        log.error({ err: error, deliveryId: made.id }, 'workflow not started')
      })
  }
  return (await store.deliveries.find(made.id)) ?? made
}

/**
 * Makes the delivery of this occurrence, or finds it, and starts its workflow.
 * @throws Problem not-found, segment-refused, segment-deleted
 */
export async function startDelivery(
  deps: ApiDeps,
  order: { campaignId: string; occurrence: string; by: string },
): Promise<{ delivery: Delivery; isNew: boolean }> {
  const { store } = deps
  const { campaignId, occurrence, by } = order
  const campaign = await store.campaigns.find(campaignId)
  if (!campaign) throw new Problem('not-found', `There is no campaign ${campaignId}.`)

  // A repeated request is answered with what it made, even if the segment has become unusable since.
  const found = await store.deliveries.findOccurrence(campaignId, occurrence)
  if (!found) await requireUsableSegment(deps, campaign)
  const started = found
    ? { delivery: found, isNew: false }
    : await store.deliveries.start({ campaignId, occurrence, by, at: deps.now() })
  if (!started) {
    // Campaigns stay, so what is gone since the look is the segment.
    await requireUsableSegment(deps, campaign)
    throw new Error(`No delivery of campaign ${campaignId} was made, and nothing says why.`)
  }

  return { delivery: await startWorkflow(deps, started.delivery, campaign), isNew: started.isNew }
}
