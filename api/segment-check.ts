// Asks the warehouse about a segment's SQL, and tells its refusals from its failures.
import { type SegmentInspection, SegmentRefused } from '../warehouse/port.ts'
import { type ApiDeps } from './deps.ts'
import { Problem } from './problem.ts'

/** @throws SegmentRefused for the SQL. @throws Problem warehouse-away for anything else. */
export async function inspectSegment(
  { warehouse }: Pick<ApiDeps, 'warehouse'>,
  sql: string,
  variables: readonly string[],
): Promise<SegmentInspection> {
  try {
    return await warehouse.inspectSegment(sql, variables)
  } catch (error) {
    if (error instanceof SegmentRefused) throw error
    throw new Problem('warehouse-away', 'The warehouse could not look at the segment now.', {
      cause: error,
    })
  }
}
