// Shows what a segment gave as user ids and LINE would not take, straight from the segment's own rows.
import { randomUUID } from 'node:crypto'
import { type Work } from '../port.ts'
import { type Connection } from './client.ts'
import { type Jobs } from './jobs.ts'
import { workingTable } from './names.ts'
import { asText } from './rows.ts'

/** The first `limit` of them, in order; `NULL` for what is no text at all. */
export async function malformedIds(
  { connection, jobs }: { connection: Connection; jobs: Jobs },
  deliveryId: string,
  attempt: string,
  limit: number,
  work: Work = {},
): Promise<string[]> {
  const segment = connection.named(workingTable('segment', deliveryId, attempt))
  const found = await jobs.rows({
    ...work,
    id: [deliveryId, 'malformed', randomUUID()],
    step: 'malformed',
    deliveryId,
    query: {
      query: `SELECT IFNULL(user_id, 'NULL') FROM (SELECT CAST(user_id AS STRING) AS user_id FROM ${segment})
        WHERE NOT IFNULL(REGEXP_CONTAINS(user_id, '^U[0-9a-f]{32}$'), FALSE)
        ORDER BY user_id NULLS LAST LIMIT ${Math.max(0, Math.floor(limit))}`,
    },
  })
  return found.map(([userId]) => asText(userId))
}
