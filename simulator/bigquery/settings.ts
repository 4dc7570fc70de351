// What may be set while the simulator runs; each default is the reading of BigQuery's pages that is hardest on a client.
import { z } from 'zod'

const count = z.int().min(0).max(1_000_000_000)

export const settingsPatchSchema = z
  .strictObject({
    /** Seed of row order, short pages and the faults' `share`. */
    seed: z.int().min(0).max(0xffffffff),
    /** Every answer waits this long. */
    latencyMs: z.number().min(0).max(600_000),
    /** Location of jobs that name none and read no table. */
    defaultLocation: z.string().min(1),
    /** A bearer token that every call must have; null takes any, and none. */
    requireToken: z.string().nullable(),
    /** Looks (jobs.get, getQueryResults) at which a new job is still PENDING; it does nothing before. */
    pendingPolls: count,
    /** Looks at which a job is still RUNNING, whatever it has done already. */
    runningPolls: count,
    /** What jobs.insert answers to a query that can't be: a job that has failed, or the error itself (the id stays free). */
    badQueryOnInsert: z.enum(['job', 'answer']),
    /** `shuffled`: tabledata.list gives another order at each call without a page token. */
    rowOrder: z.enum(['shuffled', 'stable']),
    /** Most rows and bytes of a page. */
    maxPageRows: z.int().min(1).max(100_000),
    maxPageBytes: z.int().min(1),
    /** Share of pages that are shorter than they need be, by a seeded draw. */
    shortPages: z.number().min(0).max(1),
    /** Load jobs and query jobs that write into one table, per day (UTC). */
    tableModificationsPerDay: count,
    /** tables.patch and DDL of one table within 10 seconds. */
    metadataUpdatesPer10Seconds: count,
    /** Partitions that one job may write, and a table may have. */
    partitionsPerJob: count,
    partitionsPerTable: count,
    /** A query job that appends to REQUIRED columns is refused, for its own columns are NULLABLE; or only NULLs are. */
    requiredOnAppend: z.enum(['refuse', 'check']),
  })
  .partial()

/** A change of settings: any part of them. */
export type SettingsPatch = z.infer<typeof settingsPatchSchema>

/** All settings. */
export type Settings = Required<{
  [K in keyof SettingsPatch]: Exclude<SettingsPatch[K], undefined>
}>

/** The settings of a new simulator. */
export function defaultSettings(): Settings {
  return {
    seed: 1,
    latencyMs: 0,
    defaultLocation: 'US',
    requireToken: null,
    pendingPolls: 0,
    runningPolls: 0,
    badQueryOnInsert: 'job',
    rowOrder: 'shuffled',
    maxPageRows: 100_000,
    maxPageBytes: 10_000_000,
    shortPages: 0,
    tableModificationsPerDay: 1500,
    metadataUpdatesPer10Seconds: 5,
    partitionsPerJob: 4000,
    partitionsPerTable: 10_000,
    requiredOnAppend: 'refuse',
  }
}
