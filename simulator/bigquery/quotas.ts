// Counts what changes tables, refuses what is above BigQuery's quotas, and tells both.
import { BigQueryError } from './errors.ts'
import { shown, type TableName } from './catalog.ts'
import { type Settings } from './settings.ts'

const dayMs = 24 * 60 * 60 * 1000

/** The counts of one table and day. */
export interface TableCounts {
  loads: number
  modifications: number
  metadataUpdates: number
}

/** The counters of all tables. */
export type Quotas = ReturnType<typeof createQuotas>

/** Makes counters at zero; they belong to a table's name and outlive it, as BigQuery's do. */
export function createQuotas(settings: Settings, now: () => number) {
  const byDay = new Map<number, Map<string, TableCounts>>()
  const updates = new Map<string, number[]>()

  function countsOf(name: TableName): TableCounts {
    const day = Math.floor(now() / dayMs)
    let tables = byDay.get(day)
    if (!tables) byDay.set(day, (tables = new Map<string, TableCounts>()))
    let counts = tables.get(shown(name))
    if (!counts)
      tables.set(shown(name), (counts = { loads: 0, modifications: 0, metadataUpdates: 0 }))
    return counts
  }

  return {
    /** Notes a job that is about to write into a table; one that fails later counts too. @throws BigQueryError */
    modify(name: TableName, isLoad: boolean) {
      const counts = countsOf(name)
      if (counts.modifications >= settings.tableModificationsPerDay)
        throw new BigQueryError(
          'quotaExceeded',
          'Quota exceeded: Your table exceeded quota for imports or query appends per table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
          'load_job_per_table.long',
        )
      counts.modifications++
      if (isLoad) counts.loads++
    },
    /** Notes a change of a table's facts. @throws BigQueryError */
    update(name: TableName) {
      const at = now()
      const recent = (updates.get(shown(name)) ?? []).filter((then) => then > at - 10_000)
      if (recent.length >= settings.metadataUpdatesPer10Seconds)
        throw new BigQueryError(
          'rateLimitExceeded',
          'Exceeded rate limits: too many table update operations for this table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
        )
      updates.set(shown(name), [...recent, at])
      countsOf(name).metadataUpdates++
    },
    /** Counts of the day that has most for each table, and of today. */
    report() {
      const today = Object.fromEntries(byDay.get(Math.floor(now() / dayMs)) ?? [])
      const highest: Record<string, number> = {}
      for (const tables of byDay.values())
        for (const [name, { modifications }] of tables)
          highest[name] = Math.max(highest[name] ?? 0, modifications)
      return { limit: settings.tableModificationsPerDay, today, highest }
    },
    reset() {
      byDay.clear()
      updates.clear()
    },
  }
}
