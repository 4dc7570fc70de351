// Cuts a whole plan into stretches of requests that one statement can join in memory.
import { lanes, requestsPerBatch, type Lane } from '../../domain/lane.ts'
import { type FrozenPlan } from '../../domain/plan.ts'
import { laneFiles } from './layout.ts'
import { parquet } from './sql-text.ts'

/** Recipients that one statement joins with their outcomes. */
const recipientsPerStretch = 250_000

/** Requests `[fromRequest, toRequest)` of a lane, and the plan rows in which they are. */
export interface Stretch {
  lane: Lane
  /** -Infinity in a lane's first stretch, so that outcomes of no request are met too. */
  fromRequest: number
  /** Infinity in a lane's last stretch. */
  toRequest: number
  /** A relation of (request_no, ordinal, user_id, variables). */
  plan: string
}

/** Stretches that cover every request number there can be, on both lanes. */
export async function stretchesOf(plan: FrozenPlan, folder: string): Promise<Stretch[]> {
  const stretches: Stretch[] = []
  for (const lane of lanes) {
    const starts = startsOf(plan.lanes[lane].batchRecipients)
    for (const [index, firstBatch] of starts.entries()) {
      const nextBatch = starts[index + 1]
      const fromRequest = index === 0 ? -Infinity : firstBatch * requestsPerBatch[lane]
      const toRequest = nextBatch === undefined ? Infinity : nextBatch * requestsPerBatch[lane]
      const paths = await laneFiles(folder, lane, fromRequest, toRequest)
      const rows =
        paths.length === 0
          ? `SELECT 0 AS request_no, 0 AS ordinal, '' AS user_id, '' AS variables WHERE false`
          : `SELECT request_no, ordinal, user_id, variables FROM ${parquet(paths)} WHERE ${within({ fromRequest, toRequest })}`
      stretches.push({ lane, fromRequest, toRequest, plan: `(${rows})` })
    }
  }
  return stretches
}

/** The condition that a row's request lies in the stretch. */
export function within({
  fromRequest,
  toRequest,
}: Pick<Stretch, 'fromRequest' | 'toRequest'>): string {
  const conditions = [
    ...(fromRequest === -Infinity ? [] : [`request_no >= ${fromRequest}`]),
    ...(toRequest === Infinity ? [] : [`request_no < ${toRequest}`]),
  ]
  return conditions.join(' AND ') || 'true'
}

function startsOf(batchRecipients: readonly number[]): number[] {
  const starts = [0]
  let recipients = 0
  batchRecipients.forEach((size, batchNo) => {
    if (recipients > 0 && recipients + size > recipientsPerStretch) {
      starts.push(batchNo)
      recipients = 0
    }
    recipients += size
  })
  return starts
}
