// The user's cache folder, in which what is downloaded or built once per machine stays.
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { tryLock } from './lock.ts'

/** `${XDG_CACHE_HOME:-~/.cache}/lfm`; it need not be there. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'lfm')
}

/** What is said while another process has the folder, and where. */
export interface Waiting {
  /** What that process fetches, such as `the Temporal CLI`. */
  what: string
  onProgress: (line: string) => void
  signal?: AbortSignal | undefined
}

/** Holds a folder of the cache, made where it is missing, and waits for another process that downloads or builds there. */
export async function withFolder<T>(
  folder: string,
  { what, onProgress, signal }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(folder, { recursive: true })
  let lock = tryLock(join(folder, 'lock'))
  if (!lock) onProgress(`waiting for another process that is fetching ${what}`)
  while (!lock) {
    await wait(500, undefined, signal && { signal })
    lock = tryLock(join(folder, 'lock'))
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}
