// Reads rows as BigQuery lists them: raw text, in pages that may be short and of no promised order.
import { type Connection } from './client.ts'

/** Rows of text values; null is NULL. */
export type Rows = (string | null)[][]

interface ListAnswer {
  totalRows?: string
  rows?: { f: { v: string | null }[] }[]
  pageToken?: string
}

// The most that one answer may hold; in practice it stops earlier, at about 10 MB.
// https://cloud.google.com/bigquery/quotas#tabledata_list_requests
const rowsAtOnce = 100_000

/**
 * Reads all rows of a table, of one partition of it, or of a finished query.
 * An answer may stop short anywhere. It is continued by its token alone: no order is promised from one listing to the
 * next, so a place in one means nothing in another, and a place together with a token is refused. Where an answer stops
 * short without a token the place is all there is; who reads counts what came.
 * @throws Error where the rows end before their number is reached.
 */
export async function* listRows(
  connection: Connection,
  path: string,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<Rows> {
  let read = 0
  let next: { pageToken: string } | { startIndex: number } | undefined
  for (;;) {
    const answer = (await connection.call({
      method: 'GET',
      path,
      query: { ...query, maxResults: rowsAtOnce, ...next },
    })) as ListAnswer
    const rows = (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v))
    const total = Number(answer.totalRows ?? 0)
    if (rows.length > 0) yield rows
    read += rows.length
    if (read >= total) return
    if (rows.length === 0 && answer.pageToken === undefined)
      throw new Error(`BigQuery lists ${read} rows of ${path} and says that there are ${total}.`)
    next = answer.pageToken === undefined ? { startIndex: read } : { pageToken: answer.pageToken }
  }
}

/** The value as a number. */
export function asNumber(value: string | null | undefined): number {
  return Number(value ?? 0)
}

/** The value as text. @throws Error for NULL, where there should be none. */
export function asText(value: string | null | undefined): string {
  if (typeof value === 'string') return value
  throw new Error('BigQuery gave NULL where a value was due.')
}
