// Numbers the requests of a plan cut by cut, in the order of variables and user id, and writes them as plan files.
import { type DuckDBConnection } from '@duckdb/node-api'
import {
  lanes,
  recipientsPerMulticast,
  smallestMulticastGroup,
  type Lane,
} from '../../domain/lane.ts'
import { asNumber, asText, numbers, rows, run } from './engine.ts'
import { laneFile } from './layout.ts'
import { text } from './sql-text.ts'

// Small row groups: a batch of 10,000 recipients then reads one or two of them.
const planFormat = 'FORMAT parquet, ROW_GROUP_SIZE 20480'

/** What numbering is given. */
export interface NumberingOptions {
  connection: DuckDBConnection
  /** Folder of the plan files. */
  folder: string
  /** Whether the content has no variables: every group then goes to the multicast lane, however small. */
  isPlain: boolean
  /** Groups that lie in several cuts, with all their recipients: no cut sees their size by itself. */
  divided: ReadonlyMap<string, number>
  signal: AbortSignal | undefined
}

/**
 * Starts numbering at request 0 of both lanes.
 * `add` takes a query for the next recipients in order, as (user_id, variables), and writes their plan rows.
 */
export function createNumbering(options: NumberingOptions) {
  const { connection, folder, isPlain, divided, signal } = options
  const next: Record<Lane, number> = { multicast: 0, push: 0 }
  // The multicast group that the last cut ended in; the next cut may go on with it, in the same request.
  let open = { variables: '', placed: 0, firstRequest: 0 }

  async function add(recipients: string): Promise<void> {
    // Each recipient's line within the cut is written down once; everything after it only adds and divides.
    await run(
      connection,
      `CREATE TEMP TABLE cut AS
       SELECT user_id, variables, row_number() OVER (ORDER BY variables, user_id) - 1 AS line
       FROM (${recipients})`,
      signal,
    )
    await run(connection, `CREATE TEMP TABLE cut_group AS ${groupsSql()}`, signal)
    for (const lane of lanes) await write(lane)
    await findOpen()
    await run(connection, 'DROP TABLE cut')
    await run(connection, 'DROP TABLE cut_group')
  }

  /** One row a group: its lane, the size of its requests there, its first line and its first request. */
  function groupsSql(): string {
    const sizes = [...divided].map(([variables, size]) => `(${text(variables)}, ${size})`)
    const known = sizes.length > 0 ? `VALUES ${sizes.join(', ')}` : `SELECT '', 0 WHERE false`
    return `
      WITH counted AS (
        SELECT variables, count(*) AS here, min(line) AS first_line,
          CASE WHEN variables = ${text(open.variables)} THEN ${open.placed} ELSE 0 END AS placed
        FROM cut GROUP BY variables),
      laned AS (
        SELECT counted.*,
          ${isPlain} OR coalesce(known.recipients, here) >= ${smallestMulticastGroup} AS is_multicast,
          CASE WHEN is_multicast THEN 'multicast' ELSE 'push' END AS lane,
          CASE WHEN is_multicast THEN ${recipientsPerMulticast} ELSE 1 END AS size,
          (placed + here + size - 1) // size - (placed + size - 1) // size AS fresh
        FROM counted LEFT JOIN (${known}) AS known(variables, recipients) USING (variables))
      SELECT variables, lane, size, here, placed, first_line, fresh,
        CASE WHEN placed > 0 THEN ${open.firstRequest}
          ELSE CASE WHEN is_multicast THEN ${next.multicast} ELSE ${next.push} END
            + coalesce(sum(fresh) OVER (PARTITION BY lane ORDER BY variables
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        END AS first_request
      FROM laned`
  }

  async function write(lane: Lane): Promise<void> {
    const [fresh = 0, recipients = 0, first = 0, last = 0] = await numbers(
      connection,
      `SELECT sum(fresh), sum(here), min(first_request + placed // size),
         max(first_request + (placed + here - 1) // size)
       FROM cut_group WHERE lane = ${text(lane)}`,
    )
    if (recipients === 0) return
    await run(
      connection,
      `COPY (
         SELECT CAST(first_request + (placed + line - first_line) // size AS INTEGER) AS request_no,
           CAST((placed + line - first_line) % size AS INTEGER) AS ordinal, user_id, variables
         FROM cut JOIN cut_group USING (variables) WHERE lane = ${text(lane)})
       TO ${text(laneFile(folder, lane, first, last + 1))} (${planFormat})`,
      signal,
    )
    next[lane] += fresh
  }

  async function findOpen(): Promise<void> {
    const [last] = await rows(
      connection,
      `SELECT variables, placed + here, first_request FROM cut_group
       WHERE lane = 'multicast' ORDER BY variables DESC LIMIT 1`,
    )
    if (last)
      open = {
        variables: asText(last[0]),
        placed: asNumber(last[1]),
        firstRequest: asNumber(last[2]),
      }
  }

  return {
    add,
    /** Requests numbered so far, by lane. */
    requests: (): Readonly<Record<Lane, number>> => ({ ...next }),
  }
}
