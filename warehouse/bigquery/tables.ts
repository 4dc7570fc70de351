// Tables as things: made, looked at, kept alive, listed and removed, all by calls that cost nothing.
import { orMissing, type Connection } from './client.ts'
import { BigQueryFailure } from './failures.ts'
import { type TableShape } from './schemas.ts'

/** What BigQuery says of a table. */
export interface TableFacts {
  rows: number
  labels: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  createdAt: number
  modifiedAt: number
  /** Undefined where it lives until somebody removes it. */
  expiresAt: number | undefined
  /** Width of its integer ranges; undefined where it isn't partitioned by one. */
  interval: number | undefined
  columns: string[]
}

interface TableAnswer {
  numRows?: string
  labels?: Record<string, string>
  creationTime?: string
  lastModifiedTime?: string
  expirationTime?: string
  rangePartitioning?: { range?: { interval?: string | number } }
  schema?: { fields?: { name: string }[] }
}

const dayMs = 24 * 60 * 60 * 1000

export type Tables = ReturnType<typeof createTables>

/**
 * @param keepDays how long what a delivery needs outlives the last time that it was kept.
 * @param now milliseconds since 1970, by which a table's end is reckoned.
 */
export function createTables(
  connection: Connection,
  keepDays: number,
  now: () => number = () => Date.now(),
) {
  const keptMs = keepDays * dayMs
  const { call, tables: path, reference } = connection
  const keptUntil = new Map<string, number>()
  const ensured = new Set<string>()

  async function find(table: string, signal?: AbortSignal): Promise<TableFacts | undefined> {
    const answer = (await orMissing(call({ method: 'GET', path: `${path}/${table}`, signal }))) as
      TableAnswer | undefined
    if (!answer) return undefined
    const expiresAt =
      answer.expirationTime === undefined ? undefined : Number(answer.expirationTime)
    // One that has expired is removed some time later; until then it is as good as gone.
    if (expiresAt !== undefined && expiresAt <= now()) return undefined
    const interval = answer.rangePartitioning?.range?.interval
    return {
      rows: Number(answer.numRows ?? 0),
      labels: answer.labels ?? {},
      createdAt: Number(answer.creationTime ?? 0),
      modifiedAt: Number(answer.lastModifiedTime ?? 0),
      expiresAt,
      interval: interval === undefined ? undefined : Number(interval),
      columns: (answer.schema?.fields ?? []).map((field) => field.name),
    }
  }

  /** Makes an empty table, unless it is there; one that is kept for a delivery ends with it. */
  async function ensure(table: string, shape: TableShape, isKept = false): Promise<void> {
    const body = {
      tableReference: reference(table),
      schema: { fields: shape.fields },
      labels: { app: 'lfm' },
      ...(isKept && { expirationTime: String(now() + keptMs) }),
      ...(shape.day && { timePartitioning: { type: 'DAY', field: shape.day } }),
      ...(shape.clustering && { clustering: { fields: shape.clustering } }),
    }
    try {
      await call({ method: 'POST', path, body })
    } catch (error) {
      if (!(error instanceof BigQueryFailure) || error.kind !== 'duplicate') throw error
    }
  }

  return {
    find,
    keepDays,

    ensure,

    /** The same, asked of BigQuery once in the life of this process. */
    async ensureOnce(table: string, shape: TableShape, isKept: boolean): Promise<void> {
      if (ensured.has(table)) return
      await ensure(table, shape, isKept)
      ensured.add(table)
    },

    /**
     * Moves a table's end to as many days from now as it is kept, once a day over all processes: a delivery that is open
     * keeps its tables, and one that has ended leaves them behind that long. Only once, for a patch counts as a change
     * of the table, and by its last change we know whether outcomes were added.
     */
    async keep(table: string, signal?: AbortSignal): Promise<void> {
      const at = now()
      const isLate = (end: number) => end <= at + keptMs - dayMs
      if (!isLate(keptUntil.get(table) ?? 0)) return
      const found = await find(table, signal)
      if (!found) return
      const { expiresAt } = found
      if (expiresAt === undefined || isLate(expiresAt)) {
        const body = { expirationTime: String(at + keptMs) }
        await orMissing(call({ method: 'PATCH', path: `${path}/${table}`, body, signal }))
      }
      keptUntil.set(table, Math.max(expiresAt ?? 0, at + keptMs - dayMs / 2))
    },

    /** Names of the tables that begin so. */
    async named(prefix: string): Promise<string[]> {
      const found: string[] = []
      let pageToken: string | undefined
      do {
        const query = { maxResults: 1000, ...(pageToken && { pageToken }) }
        const answer = (await call({ method: 'GET', path, query })) as {
          tables?: { tableReference: { tableId: string } }[]
          nextPageToken?: string
        }
        for (const { tableReference } of answer.tables ?? [])
          if (tableReference.tableId.startsWith(prefix)) found.push(tableReference.tableId)
        pageToken = answer.nextPageToken
      } while (pageToken)
      return found
    },

    async drop(table: string): Promise<void> {
      ensured.delete(table)
      keptUntil.delete(table)
      await orMissing(call({ method: 'DELETE', path: `${path}/${table}` }))
    },
  }
}
