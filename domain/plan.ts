// The request plan: what freezing an audience yields, and how its batches are cut into pages.
import { type Lane } from './lane.ts'

/** Sizes of one lane of a plan. */
export interface LanePlan {
  requests: number
  recipients: number
  /** Recipients of each batch, by batch number. */
  batchRecipients: readonly number[]
}

/** What was counted while the audience was frozen; every row of the segment is in exactly one of the terms. */
export interface AudienceCounts {
  /** Rows that the segment's SQL gave. */
  segmentRows: number
  /** Rows without a well-formed LINE user id. */
  malformed: number
  /** Rows beyond the first for a user id. */
  duplicates: number
  /** Rows left out by the campaign's exclusions. */
  excluded: number
  /** Recipients in the plan, over both lanes. */
  planned: number
}

/** A frozen, immutable, numbered plan, named by the attempt that made it. */
export interface FrozenPlan {
  /** The freeze attempt whose files hold the plan. */
  attempt: string
  lanes: Record<Lane, LanePlan>
  audience: AudienceCounts
  /** Changes when any recipient, variable or request number does. */
  digest: string
}

/** A contiguous run of batches, one `deliverPage` child workflow. Half-open. */
export interface PageRange {
  fromBatch: number
  toBatch: number
}

/** Most batches of a page: 200 activities are about 600-1,200 events of history. */
export const batchesPerPage = 200

/** Most recipients of a page, on either lane. */
export const recipientsPerPage = 100_000

/**
 * Cuts a lane's batches into pages of at most `batchesPerPage` batches and `recipientsPerPage` recipients.
 * Every batch is in exactly one page, in order; a batch never exceeds a page (10,000 recipients at most).
 */
export function pagesOf(batchRecipients: readonly number[]): PageRange[] {
  const pages: PageRange[] = []
  let fromBatch = 0
  let recipients = 0
  batchRecipients.forEach((size, batchNo) => {
    const full = batchNo - fromBatch >= batchesPerPage || recipients + size > recipientsPerPage
    if (full && batchNo > fromBatch) {
      pages.push({ fromBatch, toBatch: batchNo })
      fromBatch = batchNo
      recipients = 0
    }
    recipients += size
  })
  if (batchRecipients.length > fromBatch) pages.push({ fromBatch, toBatch: batchRecipients.length })
  return pages
}
