// The names of jobs and tables: each says whose it is, so that the same step is the same job and the same table.
import { createHash } from 'node:crypto'
import { lanes, type Lane } from '../../domain/lane.ts'

/** Tables that a freeze attempt makes; those of the lanes are its plan. */
export type WorkingTable = 'segment' | 'people' | 'groups' | 'placed' | Lane

/** All of them. */
export const workingTables: readonly WorkingTable[] = [
  'segment',
  'people',
  'groups',
  'placed',
  ...lanes,
]

/** Table of every recipient's outcome, for analysts and later segments. */
export const logTable = 'delivery_log'

/** Our working tables begin so; a segment's author is not told of them. */
export const workingPrefix = 'lfm_'

/** @throws Error when the word could be mistaken for two. */
function plain(word: string): string {
  if (/^[A-Za-z0-9-]+(_[A-Za-z0-9-]+)*$/.test(word)) return word
  throw new Error(
    `The name ${JSON.stringify(word)} can't be part of a table's name; letters, digits, - and single _ within can.`,
  )
}

/** A table of one freeze attempt. No other attempt writes to it. */
export function workingTable(kind: WorkingTable, deliveryId: string, attempt: string): string {
  return `${attemptTables(kind, deliveryId)}${plain(attempt)}`
}

/** What the names of all attempts' tables of a kind begin with. */
export function attemptTables(kind: WorkingTable, deliveryId: string): string {
  return `${workingPrefix}${kind}_${plain(deliveryId)}__`
}

/** The table of a delivery's outcomes. */
export function outcomesTable(deliveryId: string): string {
  return `${workingPrefix}outcomes_${plain(deliveryId)}`
}

/** A job id without the number of its try. https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid */
export function jobName(dataset: string, ...words: readonly string[]): string {
  return ['lfm', dataset, ...words.map(plain)].join('_')
}

/** Short and the same for the same content. */
export function digestOf(...content: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const piece of content) hash.update(piece).update('\0')
  return hash.digest('hex').slice(0, 32)
}

/** A value that BigQuery takes as a label: at most 63 of lower-case letters, digits, `_` and `-`. */
export function label(value: string): string {
  return value
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '_')
    .slice(0, 63)
}
