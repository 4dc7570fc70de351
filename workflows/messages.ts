// Everything that a client of the workflows may know: names, inputs, updates, signals.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { defineSignal, defineUpdate } from '@temporalio/workflow'
import { type Gate, type ShownState } from '../domain/delivery.ts'
import { type Lane } from '../domain/lane.ts'
import { type Account } from '../domain/outcome.ts'

export const deliverCampaignType = 'deliverCampaign'

/** The workflow of a delivery; the same id for ever, so that a second start meets the first. */
export function deliveryWorkflowId(deliveryId: string): string {
  return `delivery/${deliveryId}`
}

/** A page's child workflow. */
export function pageWorkflowId(deliveryId: string, lane: Lane, round: number, pageNo: number) {
  return `${deliveryWorkflowId(deliveryId)}/${lane}/${round}-${pageNo}`
}

export interface DeliverCampaignInput {
  deliveryId: string
  campaignId: string
  lineChannelId: string
  /** 1 (first) to 5 (last) among the deliveries of a channel. */
  priority: number
  /** Set where the workflow is begun again: the store says how far the delivery has come. */
  isRecovered?: boolean
  /** Set by continue-as-new only. */
  carried?: CarriedDelivery
  /** Pages after which a run continues as new, whatever the server suggests; default 500. */
  pagesPerRun?: number
}

/** The whole state of a delivery that crosses continue-as-new. */
export interface CarriedDelivery {
  gate: Gate
  planned: number
  round: number
  /** Of the round: pages there are, and pages that were started. */
  pageCount: Record<Lane, number>
  nextPage: Record<Lane, number>
  /** Requests that are left to the next round, over the pages of this one. */
  unresolvedRequests: number
}

export interface DeliveryResult {
  state: ShownState
  account: Account | null
}

export interface DeliverPageInput {
  deliveryId: string
  lineChannelId: string
  lane: Lane
  round: number
  pageNo: number
  priority: number
  gate: Gate
  /** Most sendBatch activities that are outstanding at once. */
  window: number
  /** Set by continue-as-new only: the batches that are left. */
  carried?: { batches: number[]; unresolvedRequests: number }
}

/** A page, to the delivery that it is of. */
export type SentPage = Pick<DeliverPageInput, 'lane' | 'round' | 'pageNo'>

export interface PageResult {
  /** Requests without a final outcome after this page. */
  unresolvedRequests: number
}

/** Who asks for a change, and why; both are shown to everybody who looks at the delivery. */
export interface OperatorRequest {
  by: string
  why: string
  /**
   * The gate's number. With pause and cancel: the gate stands there already, moved by whoever asks. With resume: as
   * it was when the operator looked; a gate that has moved since is left alone.
   */
  seq?: number
}

export interface OperatorAnswer {
  state: ShownState
  gate: Gate
}

export const pauseUpdate = defineUpdate<OperatorAnswer, [OperatorRequest]>('pause')
export const resumeUpdate = defineUpdate<OperatorAnswer, [OperatorRequest]>('resume')
export const cancelUpdate = defineUpdate<OperatorAnswer, [OperatorRequest]>('cancel')

/** The mark, in a history, of a release whose pages say when they are sent, and whose deliveries listen. */
export const pageSaysWhenSent = 'page-says-when-sent'

/** From a page to its delivery: every batch of it is sent, and only its part is still to be written. */
export const sentSignal = defineSignal<[SentPage]>('sent')

/** From a page to its delivery, and back: the gate has moved. Late news is told by its number. */
export const gateSignal = defineSignal<[Gate]>('gate')

export const campaignAttribute = defineSearchAttributeKey(
  'LfmCampaign',
  SearchAttributeType.KEYWORD,
)
export const channelAttribute = defineSearchAttributeKey('LfmChannel', SearchAttributeType.KEYWORD)
export const stateAttribute = defineSearchAttributeKey('LfmState', SearchAttributeType.KEYWORD)
