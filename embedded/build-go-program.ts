// Builds a program with Go from published modules, at the versions that a folder's go.mod and go.sum pin.
import { spawn } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { onPath } from './program.ts'
import { whileSaying } from './ticker.ts'

/** What is built, and where to. */
export interface GoProgram {
  /** Import path of its main package. */
  command: string
  /** Folder with the go.mod. */
  modules: string
  /** Flags of the linker besides those that leave out what only debuggers read. */
  linkerFlags?: string
  /** Path that the finished program gets. */
  target: string
  /** Said at once, and then at intervals. */
  saying: string
  env: NodeJS.ProcessEnv
  onProgress: (line: string) => void
  signal?: AbortSignal | undefined
}

const keptLines = 3

/**
 * Builds into a file beside the target, which gets its name only when it is whole.
 * @throws Error with a reason that fits after "Go:".
 */
export async function buildGoProgram(program: GoProgram): Promise<void> {
  const { command, modules, linkerFlags, target, saying, env, onProgress, signal } = program
  const go = onPath(env, 'go')
  if (go === undefined) throw new Error('not on the PATH')
  const unfinished = `${target}.${process.pid}`
  const linker = ['-s', '-w', ...(linkerFlags === undefined ? [] : [linkerFlags])].join(' ')
  const flags = ['-trimpath', '-ldflags', linker, '-o', unfinished]
  try {
    await whileSaying(
      saying,
      onProgress,
      () =>
        new Promise<void>((resolve, reject) => {
          const child = spawn(go, ['build', ...flags, command], {
            cwd: modules,
            // The modules are pure Go; a workspace around the checkout is none of theirs.
            env: { ...env, CGO_ENABLED: '0', GOWORK: 'off' },
            stdio: ['ignore', 'ignore', 'pipe'],
            ...(signal && { signal }),
          })
          const said: string[] = []
          createInterface({ input: child.stderr }).on('line', (line) => {
            if (said.push(line.trim()) > keptLines) said.shift()
          })
          child.once('error', reject)
          child.once('close', (code) =>
            code === 0 ? resolve() : reject(new Error(`go build failed: ${said.join(' / ')}`)),
          )
        }),
    )
    renameSync(unfinished, target)
  } finally {
    rmSync(unfinished, { force: true })
  }
}
