// What one simulator holds: engine, catalog, jobs, quotas, settings, faults, calls and its clock.
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom } from '../random.ts'
import { createCalls } from './calls.ts'
import { createCatalog, shown, type TableName } from './catalog.ts'
import { openEngine } from './engine.ts'
import { createFaults } from './faults.ts'
import { createJobs, interruptUntilEnded, type Job } from './jobs.ts'
import { type Plan } from './plan.ts'
import { describe } from './query-job.ts'
import { createQuotas } from './quotas.ts'
import { defaultSettings, type SettingsPatch } from './settings.ts'

/** All parts of a simulator. */
export type World = Awaited<ReturnType<typeof createWorld>>

/** Opens the world; with a folder it goes on with what an earlier one left there. */
export async function createWorld(
  folder: string | undefined,
  threads: number,
  patch: SettingsPatch,
) {
  const settings = Object.assign(defaultSettings(), patch)
  let advancedMs = 0
  const now = () => Date.now() + advancedMs
  const engine = await openEngine(folder, threads)
  const catalog = createCatalog(engine, now)
  const jobs = createJobs()
  // What a job's body is was written by keepJob below.
  for (const { body } of await catalog.load()) jobs.restore(JSON.parse(body) as Job)
  const uploads =
    folder === undefined ? mkdtempSync(join(tmpdir(), 'bigquery-')) : join(folder, 'uploads')
  mkdirSync(uploads, { recursive: true })
  let random = createRandom(settings.seed)
  const waiting = new Map<string, Promise<void>>()

  return {
    settings,
    now,
    engine,
    catalog,
    jobs,
    quotas: createQuotas(settings, now),
    faults: createFaults(),
    calls: createCalls(now),
    random: () => random(),
    /** Fields of a query's result; nothing runs. @throws BigQueryError */
    describe: (plan: Plan) => engine.with((connection) => describe(connection, plan)),
    changeSettings(change: SettingsPatch) {
      Object.assign(settings, change)
      if (change.seed !== undefined) random = createRandom(change.seed)
    },
    advance(ms: number) {
      advancedMs += ms
    },
    /** A name for a new file of an upload. */
    uploadFile: () => join(uploads, randomUUID()),
    /** Keeps a job over a restart. */
    async keepJob(job: Job): Promise<void> {
      if (folder === undefined) return
      await engine.with((connection) =>
        catalog.keep(connection, 'job', `${job.projectId}:${job.location}.${job.jobId}`, job),
      )
    },
    /** Runs work that writes these tables; two that write the same one wait for each other. */
    async locked(
      names: readonly (TableName | undefined)[],
      run: () => Promise<void>,
    ): Promise<void> {
      const keys = names.flatMap((name) => (name ? [shown(name)] : []))
      const before = Promise.all(keys.map((key) => waiting.get(key) ?? Promise.resolve()))
      const done = before.then(run)
      const settled = done.catch(() => undefined)
      for (const key of keys) waiting.set(key, settled)
      await done
    },
    /** Waits for jobs under way and closes everything. */
    async close() {
      const started = jobs.all().filter(({ isStarted }) => isStarted)
      started.forEach(interruptUntilEnded)
      await Promise.all(started.map(({ ended }) => ended))
      engine.close()
      if (folder === undefined) rmSync(uploads, { recursive: true, force: true })
    },
  }
}
