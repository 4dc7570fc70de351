// What lies in the embedded warehouse of a run, as kills look at it from outside.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ChaosSystem } from './system.ts'

/** A folder or file of the run's warehouse. */
export const warehouse = (system: ChaosSystem, ...path: string[]) =>
  join(system.embedded.dataDir, 'warehouse', ...path)

/** Whether it is still being made. */
export const isTemporary = (name: string) => name.startsWith('.')

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Not made yet.
    return []
  }
}
