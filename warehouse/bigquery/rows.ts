// Reads rows as BigQuery lists them: raw text, pages that may be short, continued by place and never by token.
import { type Connection } from './client.ts'

/** Rows of text values; null is NULL. */
export type Rows = (string | null)[][]

interface ListAnswer {
  totalRows?: string
  rows?: { f: { v: string | null }[] }[]
}

// The most that one answer may hold; in practice it stops earlier, at about 10 MB.
// https://cloud.google.com/bigquery/quotas#tabledata_list_requests
const rowsAtOnce = 100_000

/**
 * Reads all rows of a table, of one partition of it, or of a finished query.
 * An answer may stop short anywhere, so each call goes on where the rows really ended. The token that comes with them is
 * not used: together with a start it is refused, and clients that mixed the two have read rows twice.
 * @throws Error where the rows end before their number is reached.
 */
export async function* listRows(
  connection: Connection,
  path: string,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<Rows> {
  let startIndex = 0
  for (;;) {
    const answer = (await connection.call({
      method: 'GET',
      path,
      query: { ...query, startIndex, maxResults: rowsAtOnce },
    })) as ListAnswer
    const rows = (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v))
    const total = Number(answer.totalRows ?? 0)
    if (rows.length > 0) yield rows
    startIndex += rows.length
    if (startIndex >= total) return
    if (rows.length === 0)
      throw new Error(
        `BigQuery lists ${startIndex} rows of ${path} and says that there are ${total}.`,
      )
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
