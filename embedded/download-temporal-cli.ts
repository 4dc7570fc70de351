// Downloads the official release of the Temporal CLI with the SDK's own means.
import { fork } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Acquire } from './temporal-cli.ts'
import { whileSaying } from './ticker.ts'

/** A download that brings nothing for so long is given up; it would hang for minutes behind some firewalls. */
const stalledMs = 30_000
const lookEveryMs = 1_000

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => {
    // A file that is renamed between the two calls counts the next time.
    return sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
  }, 0)
}

/** Runs the SDK in a process of its own: it downloads only as a part of starting a server, and brings 100 MB of code. */
function runSdk(folder: string, version: string, env: NodeJS.ProcessEnv, signal?: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'sdk-download.ts'), [folder, version], {
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      ...(signal && { signal }),
    })
    let bytes = 0
    let grewAt = performance.now()
    const watch = setInterval(() => {
      const now = bytesIn(folder)
      if (now > bytes) grewAt = performance.now()
      bytes = now
      if (performance.now() - grewAt > stalledMs) {
        failure = `nothing came for ${stalledMs / 1_000} s`
        child.kill('SIGKILL')
      }
    }, lookEveryMs)
    let failure = ''
    child.on('message', (message) => (failure = typeof message === 'string' ? message : ''))
    child.once('error', (error) => (failure = error.message))
    child.once('close', (code) => {
      clearInterval(watch)
      if (code === 0) resolve()
      else reject(new Error(failure || 'the SDK could not download it'))
    })
  })
}

/** Downloads into a folder beside the target, which gets its name only when the program is whole. */
export const downloadTemporalCli: Acquire = async (options) => {
  const { version, target, env, onProgress, signal } = options
  const folder = join(dirname(target), 'download')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    await whileSaying(`downloading the Temporal CLI ${version}`, onProgress, () =>
      runSdk(folder, version, env, signal),
    )
    const file = readdirSync(folder)[0]
    if (file === undefined) throw new Error('the SDK left no file')
    chmodSync(join(folder, file), 0o755)
    renameSync(join(folder, file), target)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
