// Before all tests: the Temporal CLI is found or built, and the workflow bundle is made, once.
import { type TestProject } from 'vitest/node'
import { readSettings } from '../config/env.ts'
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
  const temporalCli = await findTemporalCli({
    named: readSettings().embedded.temporalCli,
    onProgress: (line) => console.error(line),
  })
  project.provide('temporalCli', temporalCli)
  project.provide('bundlePath', await ensureBundle())
}
