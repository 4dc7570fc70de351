// Before the tests of the generated SQL: the emulator is found or built, once.
import { type TestProject } from 'vitest/node'
import { findEmulator, type Emulator } from './emulator.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the BigQuery emulator is, or why there is none. */
    emulator: Emulator
  }
}

/** Fails where Go is there and can't build the emulator; without Go the tests say that they are skipped. */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('emulator', await findEmulator(process.env, (line) => console.error(line)))
}
