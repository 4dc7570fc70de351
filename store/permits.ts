// Permits: leave to call LINE, given for the whole fleet, and what is on record of them.
import { sql } from 'kysely'
import { type Gate } from '../domain/delivery.ts'
import { type Lane } from '../domain/lane.ts'
import { type Db } from './database.ts'
import { type BatchKey } from './ledger.ts'

/** Calls to permit, at most so many, each for a request of a number below `belowRequest`. */
export interface WantedCalls {
  calls: number
  /** 0 for calls with no request of the batch. */
  belowRequest: number
}

/** The answer to a request for permission to call LINE. */
export type Permit =
  /**
   * `calls` may start, paced at `callsPerSecond`, the first in `startInMs`, none later than the permit's lifetime.
   * `gateSeq` is the number of the delivery's gate at that moment.
   * `lowerings` is how often the lane's rate had been lowered; `noteThrottles` wants it back.
   */
  | {
      answer: 'granted'
      calls: number
      startInMs: number
      callsPerSecond: number
      gateSeq: number
      lowerings: number
    }
  /** Nothing was taken; ask again then. */
  | { answer: 'wait'; waitMs: number }
  /** The delivery is paused or cancelled. */
  | { answer: 'held'; gate: Gate }
  /** The lane's rate is 0. */
  | { answer: 'stopped' }
  /** A later attempt of this batch has begun: this one must not call any more. */
  | { answer: 'superseded' }

export interface Permits {
  /**
   * Asks for leave to start calls, for the whole fleet. What is granted is on record before it is answered: until when
   * its calls can be on the wire, and below which number their requests are.
   * @param times in milliseconds: the longest that a call may last, the longest wait for the permit's start that is worth
   *   taking it, and how long after its start calls may still be started.
   */
  takePermit(
    batch: BatchKey & { attemptNo: number; lineChannelId: string },
    wanted: WantedCalls,
    times: { deadlineMs: number; longestWaitMs: number; lifetimeMs: number },
  ): Promise<Permit>
  /** Of each attempt of a batch, from the first: no call was permitted for a request of that number or above. */
  calledBelow(batch: BatchKey): Promise<number[]>
  /**
   * Takes note of `throttles` calls that LINE answered 429, permitted when the lane's rate had been lowered `lowerings`
   * times. Where they are the rate and no single user's limit, the rate is lowered for the whole fleet.
   */
  noteThrottles(
    lineChannelId: string,
    lane: Lane,
    throttles: { lowerings: number; throttles: number },
  ): Promise<void>
  /** When the last call of this delivery can be on the wire, in milliseconds from now; 0 or less where it is over. */
  callsEndInMs(deliveryId: string): Promise<number>
}

interface PermitRow {
  answer: 'granted' | 'wait' | 'paused' | 'cancelled' | 'stopped' | 'superseded'
  calls: number
  wait_ms: number
  calls_per_second: number
  gate_seq: number
  lowerings: number
}

export function createPermits(db: Db): Permits {
  return {
    async takePermit(batch, wanted, times) {
      const { rows } = await sql<PermitRow>`select * from take_permit(
        ${batch.deliveryId}::uuid, ${batch.lane}, ${batch.batchNo}::integer,
        ${batch.attemptNo}::integer, ${batch.lineChannelId}, ${wanted.calls}::integer,
        ${wanted.belowRequest}::integer,
        ${times.deadlineMs}::double precision, ${times.longestWaitMs}::double precision,
        ${times.lifetimeMs}::double precision)`.execute(db)
      const [row] = rows
      if (!row) throw new Error('take_permit answered nothing.')
      switch (row.answer) {
        case 'granted':
          return {
            answer: 'granted',
            calls: row.calls,
            startInMs: row.wait_ms,
            callsPerSecond: row.calls_per_second,
            gateSeq: row.gate_seq,
            lowerings: row.lowerings,
          }
        case 'wait':
          return { answer: 'wait', waitMs: row.wait_ms }
        case 'paused':
        case 'cancelled':
          return { answer: 'held', gate: { position: row.answer, seq: row.gate_seq } }
        case 'stopped':
        case 'superseded':
          return { answer: row.answer }
      }
    },
    async calledBelow({ deliveryId, lane, batchNo }) {
      const rows = await db
        .selectFrom('batch_attempt')
        .select('called_below as calledBelow')
        .where('delivery_id', '=', deliveryId)
        .where('lane', '=', lane)
        .where('batch_no', '=', batchNo)
        .orderBy('attempt_no')
        .execute()
      return rows.map(({ calledBelow }) => calledBelow)
    },
    async noteThrottles(lineChannelId, lane, { lowerings, throttles }) {
      await sql`select note_throttles(${lineChannelId}, ${lane}, ${lowerings}::integer,
        ${throttles}::integer, clock_timestamp())`.execute(db)
    },
    async callsEndInMs(deliveryId) {
      const { rows } = await sql<{ ms: number | null }>`
        select (extract(epoch from max(calls_end_by) - clock_timestamp()) * 1000)::double precision as ms
        from batch_attempt where delivery_id = ${deliveryId}::uuid`.execute(db)
      return rows[0]?.ms ?? 0
    },
  }
}
