// The TypeScript files of the project, for the tests of its architecture.
import { globSync } from 'node:fs'
import { join } from 'node:path'

/** The project's folder. */
export const root = join(import.meta.dirname, '..', '..')

/** Paths from the root, with slashes. */
export const sourceFiles: readonly string[] = globSync('**/*.ts', {
  cwd: root,
  exclude: (name) => ['node_modules', 'dist', '.lfm', '.git'].includes(name),
}).sort()
