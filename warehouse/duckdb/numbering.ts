// Numbers the requests of a plan cut by cut, in the order of variables and user id, and writes them as plan files.
import { type DuckDBConnection } from '@duckdb/node-api'
import { recipientsPerMulticast, smallestMulticastGroup, type Lane } from '../../domain/lane.ts'
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
    await run(connection, `CREATE OR REPLACE TEMP TABLE cut AS ${recipients}`, signal)
    await run(connection, groupsSql(), signal)
    const [fresh = 0, multicasts = 0, pushes = 0, first = 0, last = 0] = await numbers(
      connection,
      `SELECT sum(fresh) FILTER (WHERE is_multicast), sum(here) FILTER (WHERE is_multicast),
         sum(here) FILTER (WHERE NOT is_multicast),
         min(first_request + placed // ${recipientsPerMulticast}) FILTER (WHERE is_multicast),
         max(first_request + (placed + here - 1) // ${recipientsPerMulticast}) FILTER (WHERE is_multicast)
       FROM cut_group`,
    )
    if (multicasts > 0) await write(multicastSql, laneFile(folder, 'multicast', first, last + 1))
    if (pushes > 0)
      await write(pushSql(next.push), laneFile(folder, 'push', next.push, next.push + pushes))
    next.multicast += fresh
    next.push += pushes
    await findOpen()
  }

  function groupsSql(): string {
    const sizes = [...divided].map(([variables, size]) => `(${text(variables)}, ${size})`)
    const known = sizes.length > 0 ? `VALUES ${sizes.join(', ')}` : `SELECT '', 0 WHERE false`
    return `CREATE OR REPLACE TEMP TABLE cut_group AS
      WITH counted AS (
        SELECT variables, count(*) AS here,
          CASE WHEN variables = ${text(open.variables)} THEN ${open.placed} ELSE 0 END AS placed
        FROM cut GROUP BY variables),
      laned AS (
        SELECT counted.*,
          ${isPlain} OR coalesce(known.size, here) >= ${smallestMulticastGroup} AS is_multicast,
          ${requestsFor('placed + here')} - ${requestsFor('placed')} AS fresh
        FROM counted LEFT JOIN (${known}) AS known(variables, size) USING (variables))
      SELECT variables, is_multicast, here, placed, fresh,
        CASE WHEN placed > 0 THEN ${open.firstRequest}
          ELSE ${next.multicast} + coalesce(sum(fresh) FILTER (WHERE is_multicast) OVER (
            ORDER BY variables ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        END AS first_request
      FROM laned`
  }

  async function write(sql: string, path: string): Promise<void> {
    await run(connection, `COPY (${sql}) TO ${text(path)} (${planFormat})`, signal)
  }

  async function findOpen(): Promise<void> {
    const [last] = await rows(
      connection,
      `SELECT variables, placed + here, first_request FROM cut_group
       WHERE is_multicast ORDER BY variables DESC LIMIT 1`,
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
    /** Frees what the last cut left in memory, and gives the number of requests by lane. */
    async end(): Promise<Readonly<Record<Lane, number>>> {
      for (const table of ['cut', 'cut_group'])
        await run(connection, `DROP TABLE IF EXISTS ${table}`)
      return { ...next }
    },
  }
}

function requestsFor(recipients: string): string {
  return `((${recipients}) + ${recipientsPerMulticast - 1}) // ${recipientsPerMulticast}`
}

const multicastSql = `
  SELECT CAST(first_request + place // ${recipientsPerMulticast} AS INTEGER) AS request_no,
    CAST(place % ${recipientsPerMulticast} AS INTEGER) AS ordinal, user_id, variables
  FROM (
    SELECT user_id, cut.variables, first_request,
      placed + row_number() OVER (PARTITION BY cut.variables ORDER BY user_id) - 1 AS place
    FROM cut JOIN cut_group USING (variables) WHERE is_multicast)
  ORDER BY request_no, ordinal`

function pushSql(firstRequest: number): string {
  return `
    SELECT CAST(${firstRequest} + row_number() OVER (ORDER BY variables, user_id) - 1 AS INTEGER) AS request_no,
      0 AS ordinal, user_id, variables
    FROM cut JOIN cut_group USING (variables) WHERE NOT is_multicast
    ORDER BY request_no`
}
