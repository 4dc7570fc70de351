// Writes outcomes as named parts. A part written again is another version of it; readers take the greatest.
import { randomUUID } from 'node:crypto'
import { type OutcomeRow, type PartName, type Work } from '../port.ts'
import { type Connection } from './client.ts'
import { planGone } from './gone.ts'
import { type Jobs } from './jobs.ts'
import { type Loads } from './loads.ts'
import { digestOf, outcomesTable, workingTable } from './names.ts'
import { outcomesShape } from './schemas.ts'
import { text } from './sql-text.ts'
import { type Tables } from './tables.ts'

export interface PartDeps {
  connection: Connection
  jobs: Jobs
  tables: Tables
  loads: Loads
}

/** Requests `[fromRequest, toRequest)` of a lane. */
interface RequestRange {
  fromRequest: number
  toRequest: number
}

function nameOf({ lane, page, round }: PartName): string {
  return `${lane}/${page}/${round}`
}

/** More rows are greater, and of as many the later; the digest makes two writers' versions differ. */
function versionOf(rows: number, digest: string): string {
  return `${String(rows).padStart(9, '0')}-${String(Date.now()).padStart(14, '0')}-${digest}`
}

/** Gathers the rows of a part as they come; the part is there when BigQuery has taken them all, in one load job. */
export async function writePart(
  { loads }: PartDeps,
  part: PartName,
  chunks: AsyncIterable<OutcomeRow[]>,
  work: Work = {},
): Promise<void> {
  const rows: string[] = []
  for await (const chunk of chunks)
    for (const row of chunk) {
      if (row.lane !== part.lane)
        throw new Error(
          `A row of the ${row.lane} lane was given to a part of the ${part.lane} lane.`,
        )
      rows.push(
        JSON.stringify({
          lane: row.lane,
          request_no: row.requestNo,
          from_ordinal: row.fromOrdinal,
          to_ordinal: row.toOrdinal,
          outcome: row.outcome,
          line_request_id: row.lineRequestId,
          retry_key: row.retryKey,
          outcome_at: row.at,
          reason: row.reason,
        }).slice(1),
      )
    }
  // A part never gets fewer rows, so there is nothing that one without rows could replace.
  if (rows.length === 0) return
  const name = nameOf(part)
  const digest = digestOf(name, ...rows)
  const head = JSON.stringify({
    part: name,
    version: versionOf(rows.length, digest),
    load_id: digest,
  }).slice(0, -1)
  const lines = rows.map((row) => `${head},${row}\n`)
  await loads.add(part.deliveryId, { digest, lines }, work)
}

/** Writes `unsent` for every recipient of the ranges, straight from the plan. @throws PersonNeeded where it is gone. */
export async function writeUnsent(
  { connection, jobs, tables }: PartDeps,
  part: PartName,
  attempt: string,
  ranges: readonly RequestRange[],
  facts: { at: string; reason: string },
  work: Work = {},
): Promise<void> {
  const { deliveryId, lane } = part
  const planTable = workingTable(lane, deliveryId, attempt)
  const requests = ranges.reduce((sum, range) => sum + range.toRequest - range.fromRequest, 0)
  if (requests === 0) return
  const table = outcomesTable(deliveryId)
  await tables.ensureOnce(table, outcomesShape, true)
  if (!(await tables.find(planTable)))
    throw planGone(
      `The plan of delivery ${deliveryId}, attempt ${attempt}, does not hold those who were never called`,
    )
  const digest = digestOf(nameOf(part), attempt, JSON.stringify(ranges), JSON.stringify(facts))
  const values: Readonly<Record<string, string>> = {
    part: text(nameOf(part)),
    version: text(versionOf(requests, digest)),
    load_id: text(digest),
    lane: text(lane),
    from_ordinal: '0',
    to_ordinal: 'size',
    outcome: `'unsent'`,
    line_request_id: 'CAST(NULL AS STRING)',
    retry_key: 'CAST(NULL AS STRING)',
    outcome_at: '@at',
    reason: '@reason',
  }
  const columns = outcomesShape.fields.map(({ name }) => `${values[name] ?? name} AS ${name}`)
  const isWanted = ranges
    .map(({ fromRequest, toRequest }) => `request_no BETWEEN ${fromRequest} AND ${toRequest - 1}`)
    .join(' OR ')
  const parameter = (name: string, type: string, value: string) => ({
    name,
    parameterType: { type },
    parameterValue: { value },
  })
  await jobs.run({
    ...work,
    id: [deliveryId, 'unsent', digest],
    step: 'unsent',
    deliveryId,
    query: {
      query: `SELECT ${columns.join(', ')}
        FROM (SELECT request_no, COUNT(*) AS size FROM ${connection.named(planTable)}
          WHERE ${isWanted} GROUP BY request_no)`,
      parameterMode: 'NAMED',
      queryParameters: [
        parameter('at', 'TIMESTAMP', facts.at),
        parameter('reason', 'STRING', facts.reason),
      ],
      destinationTable: connection.reference(table),
      createDisposition: 'CREATE_IF_NEEDED',
      writeDisposition: 'WRITE_APPEND',
    },
    isThere: async () => {
      const [counted] = await jobs.rows({
        ...work,
        id: [deliveryId, 'look-for-unsent', randomUUID()],
        step: 'look-for-unsent',
        deliveryId,
        query: {
          query: `SELECT COUNT(*) FROM ${connection.named(table)} WHERE load_id = ${text(digest)}`,
        },
      })
      return Number(counted?.[0]) > 0
    },
  })
}

/** Removes every part of the delivery but these. */
export async function dropOtherParts(
  { connection, jobs, tables, loads }: PartDeps,
  deliveryId: string,
  kept: readonly PartName[],
  work: Work = {},
): Promise<void> {
  await loads.settle(deliveryId, work.signal)
  const state = await tables.find(outcomesTable(deliveryId))
  if (!state) return
  const names = kept.map((part) => text(nameOf(part)))
  await jobs.run({
    ...work,
    id: [
      deliveryId,
      'drop-parts',
      digestOf(String(state.modifiedAt), String(state.rows), ...names),
    ],
    step: 'drop-parts',
    deliveryId,
    query: {
      query: `DELETE FROM ${connection.named(outcomesTable(deliveryId))} WHERE ${names.length > 0 ? `part NOT IN (${names.join(', ')})` : 'TRUE'}`,
    },
  })
}

/** The rows that count of all parts of a delivery, as one relation. */
export function partsRelation(connection: Connection, deliveryId: string): string {
  const table = connection.named(outcomesTable(deliveryId))
  return `(
    SELECT written.* FROM ${table} AS written
    JOIN (SELECT part, MAX(version) AS version FROM ${table} GROUP BY part) AS latest
      ON written.part = latest.part AND written.version = latest.version)`
}
