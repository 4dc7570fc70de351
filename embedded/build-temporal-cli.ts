// Builds the Temporal CLI with Go from published modules, at the versions that temporal-cli/go.mod and go.sum pin.
import { spawn } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { onPath } from './program.ts'
import { type Acquire } from './temporal-cli.ts'
import { whileSaying } from './ticker.ts'

const command = 'github.com/temporalio/cli/cmd/temporal'
const keptLines = 3

/** Builds into a file beside the target, which gets its name only when it is whole. */
export const buildTemporalCli: Acquire = async ({ version, target, env, onProgress, signal }) => {
  const go = onPath(env, 'go')
  if (go === undefined) throw new Error('not on the PATH')
  const unfinished = join(dirname(target), `temporal.${process.pid}`)
  const variable = 'github.com/temporalio/cli/internal/temporalcli.Version'
  const flags = ['-trimpath', '-ldflags', `-s -w -X ${variable}=${version}`, '-o', unfinished]
  try {
    await whileSaying(
      'building the Temporal CLI from its Go modules, about 6 minutes, once per machine',
      onProgress,
      () =>
        new Promise<void>((resolve, reject) => {
          const child = spawn(go, ['build', ...flags, command], {
            cwd: join(import.meta.dirname, 'temporal-cli'),
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
