// Reads requests of a frozen plan, one row a request.
import { type PlannedRequest, type PlanRange } from '../port.ts'
import { asNumber, asText, rows, type Engine } from './engine.ts'
import { laneFiles, type Layout } from './layout.ts'
import { parquet } from './sql-text.ts'

/**
 * The requests `[fromRequest, toRequest)` of a lane, in order.
 * @throws Error unless each of them is there with all its ordinals.
 */
export async function readRequests(
  { engine, layout }: { engine: Engine; layout: Layout },
  { deliveryId, attempt, lane, fromRequest, toRequest }: PlanRange,
): Promise<PlannedRequest[]> {
  const wanted = toRequest - fromRequest
  if (wanted <= 0) return []
  const paths = await laneFiles(layout.plan(deliveryId, attempt), lane, fromRequest, toRequest)
  // One text per request: most of the cost of reading is making JavaScript values, and this makes few.
  const found =
    paths.length === 0
      ? []
      : await engine.read((connection) =>
          rows(
            connection,
            `SELECT request_no, any_value(variables), string_agg(user_id, ',' ORDER BY ordinal),
               count(*) = max(ordinal) + 1 AND sum(ordinal) = count(*) * (count(*) - 1) // 2
             FROM ${parquet(paths)}
             WHERE request_no >= ${fromRequest} AND request_no < ${toRequest}
             GROUP BY request_no ORDER BY request_no`,
          ),
        )
  const isWhole =
    found.length === wanted &&
    found.every((row, index) => asNumber(row[0]) === fromRequest + index && row[3] === true)
  if (!isWhole)
    throw new Error(
      `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold exactly the ${lane} requests ${fromRequest} to ${toRequest - 1}: ${found.length} of ${wanted} found. Don't send; look whether files of the plan are missing.`,
    )
  return found.map(([requestNo, variables, userIds]) => ({
    requestNo: asNumber(requestNo),
    variables: asText(variables),
    userIds: asText(userIds).split(','),
  }))
}
