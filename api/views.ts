// How stored things look on the wire.
import { type z } from 'zod'
import { isSilent } from '../domain/findings.ts'
import { type Account } from '../domain/outcome.ts'
import { standingOf, type StandingFacts } from '../domain/standing.ts'
import { type OpenAlert } from '../store/alerts.ts'
import { type Lane } from '../domain/lane.ts'
import { type Campaign } from '../store/campaigns.ts'
import { type Channel } from '../store/channels.ts'
import { type ContentVersion } from '../store/contents.ts'
import { type DeliveryEvent } from '../store/deliveries.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type Segment } from '../store/segments.ts'
import { type Store } from '../store/store.ts'
import { deliveryWorkflowId } from '../workflows/messages.ts'
import { type campaign } from './schemas/campaign.ts'
import { type SeenFailures } from './seen-failures.ts'
import { type channel, type channelWithRates } from './schemas/channel.ts'
import { type content } from './schemas/content.ts'
import { type delivery, type deliverySummary, type historyList } from './schemas/delivery.ts'
import { type segment } from './schemas/segment.ts'

export type DeliveryView = z.input<typeof delivery>
type DeliverySummaryView = z.input<typeof deliverySummary>

/** Without the secret, which no answer ever has. */
export function channelView(stored: Channel): z.input<typeof channel> {
  const { id, lineChannelId, name, callsPerSecond, createdAt, updatedAt } = stored
  return {
    id,
    lineChannelId,
    name,
    callsPerSecond,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

/** A channel with the rates that its lanes have at this moment. */
export async function channelWithRatesView(
  { channels }: Pick<Store, 'channels'>,
  stored: Channel,
): Promise<z.input<typeof channelWithRates>> {
  const rateOf = async (lane: Lane) => {
    const rate = await channels.laneRate(stored.lineChannelId, lane)
    return {
      callsPerSecond: rate?.adapted ?? stored.callsPerSecond[lane],
      loweredAt: rate?.since?.toISOString() ?? null,
    }
  }
  const [multicast, push] = await Promise.all([rateOf('multicast'), rateOf('push')])
  return { ...channelView(stored), currentRates: { multicast, push } }
}

export function contentView(stored: ContentVersion): z.input<typeof content> {
  return { ...stored, createdAt: stored.createdAt.toISOString() }
}

export function segmentView(stored: Segment): z.input<typeof segment> {
  return {
    ...stored,
    createdAt: stored.createdAt.toISOString(),
    updatedAt: stored.updatedAt.toISOString(),
    deletedAt: stored.deletedAt?.toISOString() ?? null,
  }
}

export function campaignView(stored: Campaign): z.input<typeof campaign> {
  return {
    ...stored,
    createdAt: stored.createdAt.toISOString(),
    updatedAt: stored.updatedAt.toISOString(),
  }
}

/** @param progress sums of the ledger, where there is no account yet. */
function summaryView(stored: Delivery, progress: Account): DeliverySummaryView {
  const { gate, gateAt } = stored
  return {
    id: stored.id,
    campaignId: stored.campaignId,
    occurrence: stored.occurrence,
    channelId: stored.channelId,
    contentId: stored.contentId,
    contentVersion: stored.contentVersion,
    segmentId: stored.segmentId,
    priority: stored.priority,
    timeZone: stored.timeZone,
    locale: stored.locale,
    aggregationUnit: stored.aggregationUnit,
    pauseAtFailedShare: stored.pauseAtFailedShare,
    retry: stored.retry,
    workflowId: deliveryWorkflowId(stored.id),
    renderedAsOf: stored.renderedAsOf.toISOString(),
    gate: {
      position: gate.position,
      by: gate.by ?? null,
      why: gate.why ?? null,
      at: gateAt?.toISOString() ?? null,
    },
    state: stored.state,
    phase: stored.phase,
    stateReason: stored.stateReason,
    startedBy: stored.startedBy,
    createdAt: stored.createdAt.toISOString(),
    endedAt: stored.endedAt?.toISOString() ?? null,
    account: stored.account,
    progress: stored.account ?? progress,
  }
}

function standingView(facts: StandingFacts, failures: readonly string[]): DeliveryView['doing'] {
  const { what, waitsFor, since } = standingOf(facts, failures)
  const lastOutcomeAt = facts.lastOutcomeAt?.toISOString() ?? null
  return { what, waitsFor, since: since.toISOString(), lastOutcomeAt }
}

function alertView({ kind, detail, since, raisedAt }: OpenAlert): DeliveryView['alerts'][number] {
  return {
    kind,
    waitsFor: detail,
    since: since.toISOString(),
    raisedAt: raisedAt.toISOString(),
  }
}

/** A delivery as it stands in a list, with its progress: the account where it has one, else sums of the ledger. */
export async function deliverySummaryView(
  store: Store,
  stored: Delivery,
): Promise<DeliverySummaryView> {
  return summaryView(stored, stored.account ?? (await store.standings.read(stored)).progress)
}

/** A delivery with its plan and its progress: the account where it has one, else sums of the ledger. */
export async function deliveryView(
  { store, seenFailures }: { store: Store; seenFailures: SeenFailures },
  stored: Delivery,
): Promise<DeliveryView> {
  const [plan, { facts, progress, alerts }, splitCalls, usage] = await Promise.all([
    store.plans.find(stored.id),
    store.standings.read(stored),
    store.ledger.splitCalls(stored.id),
    store.warehouseUsages.of(stored.id),
  ])
  return {
    ...summaryView(stored, progress),
    plan: plan
      ? { audience: plan.audience, requests: plan.requests, recipients: plan.recipients }
      : null,
    splitCalls,
    warehouseUsage: usage ?? null,
    doing: standingView(facts, isSilent(facts) ? await seenFailures.of(stored.id) : []),
    alerts: alerts.map(alertView),
  }
}

export function eventView(stored: DeliveryEvent): z.input<typeof historyList>['items'][number] {
  return { ...stored, at: stored.at.toISOString() }
}
