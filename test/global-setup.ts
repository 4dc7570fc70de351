// Before all tests, once: the Temporal CLI is found or built, and what PostgreSQL and the workflows need is made.
import { type TestProject } from 'vitest/node'
import { readSettings } from '../config/env.ts'
import { postgresAccount } from '../embedded/postgres-account.ts'
import { findTemporalCli } from '../embedded/temporal-cli.ts'
import { ensureBundle } from '../worker/bundle.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the Temporal CLI. */
    temporalCli: string
    /** Path of the workflow bundle. */
    bundlePath: string
  }
}

/** Fails with the sentence that says how to get a Temporal CLI where there is none: no test is skipped for it. */
export default async function setup(project: TestProject): Promise<void> {
  const say = (line: string) => console.error(line)
  const temporalCli = await findTemporalCli({
    named: readSettings().embedded.temporalCli,
    onProgress: say,
  })
  // As root it makes a user where there is none, which two files can't do at once.
  await postgresAccount(say)
  project.provide('temporalCli', temporalCli)
  project.provide('bundlePath', await ensureBundle())
}
