// One job of BigQuery's: what it is to do, what is said of it, and what it took.
import { type Work } from '../port.ts'
import { type ErrorProto } from './failures.ts'

/** What a job is to do. */
export interface JobWanted extends Work {
  /** The words that its id is made of: the same words are the same job. */
  id: readonly string[]
  /** What it is in the life of a delivery, for the label `step`. */
  step: string
  deliveryId?: string | undefined
  /** `configuration.query` of the REST API, without what every query has. */
  query?: Readonly<Record<string, unknown>> & { query: string }
  /** `configuration.load` of the REST API. */
  load?: Readonly<Record<string, unknown>>
  upload?: () => Iterable<string>
  /**
   * Whether what an ended job of this id left behind is still there; it is asked where the job was made by an earlier
   * call, and where the answer is no the job is made again under its next id.
   */
  isThere?: (jobId: string) => Promise<boolean>
}

/** A job that has ended well. */
export interface DoneJob {
  jobId: string
  /** Whether an earlier call had made it. */
  wasThere: boolean
}

/** What BigQuery says of a job. */
export interface JobAnswer {
  status?: { state?: string; errorResult?: ErrorProto }
  statistics?: {
    totalSlotMs?: string
    totalBytesProcessed?: string
    query?: { totalBytesBilled?: string; statementType?: string; totalBytesProcessed?: string }
  }
}

/** A job as it was when it was made or found. */
export interface FoundJob {
  answer: JobAnswer
  wasThere: boolean
  /** Of an earlier call for certain, and not of this one with its answer lost. */
  isEarlier: boolean
}

/** What a job took. */
export interface JobUsage {
  /** Told again under the same id it is the same job. */
  jobId: string
  /** What it was in the life of the delivery, such as `segment`. */
  step: string
  bytesProcessed: number
  bytesBilled: number
  slotMs: number
}

/** Keeps what a job of a delivery took. */
export type OnUsage = (deliveryId: string, usage: JobUsage) => Promise<void>

/** What a job took, once it has ended. */
export function usageOf(jobId: string, step: string, { statistics }: JobAnswer): JobUsage {
  const { query } = statistics ?? {}
  return {
    jobId,
    step,
    bytesProcessed: Number(statistics?.totalBytesProcessed ?? query?.totalBytesProcessed ?? 0),
    bytesBilled: Number(query?.totalBytesBilled ?? 0),
    slotMs: Number(statistics?.totalSlotMs ?? 0),
  }
}
