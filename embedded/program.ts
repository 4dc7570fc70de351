// Looks for programs that can be run.
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Whether the path is a file that we may run. */
export function programAt(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not to be run by us.
    return false
  }
}

/** The path of the first such program on the PATH. */
export function onPath(env: NodeJS.ProcessEnv, program: string): string | undefined {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, program)).find(programAt)
}
