// Turns what BigQuery says about a user's SQL into a refusal with a reason, a position and what to do.
import { SegmentRefused, type SegmentRefusal } from '../port.ts'
import { BigQueryFailure } from './failures.ts'
import { logTable, workingPrefix } from './names.ts'
import { type Tables } from './tables.ts'

/** What a segment runs within. */
export interface SegmentPlace {
  dataset: string
  location: string
  maximumBytesBilled: number
  tables: Tables
}

/** The refusal of a segment that would read more than is allowed. */
export function overTheLimit(bytes: number, { maximumBytesBilled }: SegmentPlace): SegmentRefused {
  return new SegmentRefused(
    'too-much-data',
    `The segment would read ${gigabytes(bytes)}; the limit for one query is ${gigabytes(maximumBytesBilled)} (LFM_BIGQUERY_MAXIMUM_BYTES_BILLED). Read fewer columns or partitions, or have the limit raised.`,
  )
}

/** The refusal for a failure of the segment's SQL, or the failure itself where the SQL isn't to blame. */
export async function refusalFor(error: unknown, place: SegmentPlace): Promise<unknown> {
  if (!(error instanceof BigQueryFailure)) return error
  const { reason, message } = error
  const position = positionIn(message)
  const refuse = (why: SegmentRefusal, sentence: string) =>
    new SegmentRefused(why, sentence, position, error)
  if (reason === 'notFound' && /dataset/i.test(message))
    return refuse(
      'unknown-table',
      `${message}. A segment can read datasets in ${place.location} only (LFM_BIGQUERY_LOCATION); look whether the dataset is there and in that location.`,
    )
  if (reason === 'notFound')
    return refuse(
      'unknown-table',
      `${message}. The tables in ${place.dataset} are: ${await known(place)}.`,
    )
  if (reason === 'accessDenied')
    return refuse(
      'no-access',
      `${message}. Give LFM's identity the role roles/bigquery.dataViewer on what the segment reads; docs/bigquery.md names the roles.`,
    )
  if (reason === 'bytesBilledLimitExceeded')
    return refuse(
      'too-much-data',
      `${message} The limit is LFM_BIGQUERY_MAXIMUM_BYTES_BILLED. Read fewer columns or partitions, or have it raised.`,
    )
  if (reason === 'invalidQuery' || reason === 'invalid' || reason === 'resourcesExceeded')
    return refuse('invalid-sql', message)
  return error
}

/**
 * The same for a freeze, whose refusal is kept in histories and shown to many. The SQL has passed its dry run, so what
 * fails now is a value, and BigQuery quotes it: it may be anybody's id, name or mail, and neither words nor cause are
 * passed on.
 */
export async function refusalInFreeze(error: unknown, place: SegmentPlace): Promise<unknown> {
  if (!(error instanceof BigQueryFailure) || !/^invalid/.test(error.reason))
    return refusalFor(error, place)
  return new SegmentRefused(
    'invalid-sql',
    `The segment fails on its data: BigQuery says ${error.reason}. Its further words may quote a recipient's data and are not kept; run the SQL in BigQuery to see them, mend it (SAFE_CAST yields NULL where a value does not fit), and start again: lfm campaign start <id> --again <n>`,
  )
}

async function known({ tables }: SegmentPlace): Promise<string> {
  const all = await tables.named('')
  const shown = all.filter((table) => !table.startsWith(workingPrefix) && table !== logTable)
  return [...shown, logTable].sort().join(', ')
}

/** BigQuery ends such messages with `at [line:column]`, both 1-based. */
function positionIn(message: string): { line: number; column: number } | undefined {
  const place = /\bat \[(\d+):(\d+)\]/.exec(message)
  return place ? { line: Number(place[1]), column: Number(place[2]) } : undefined
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toLocaleString('en-US', { maximumFractionDigits: 3 })} GB`
}
