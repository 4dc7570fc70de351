// goccy/bigquery-emulator, which holds Google's own GoogleSQL analyser: built once per machine, started for a test.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildGoProgram } from '../../embedded/build-go-program.ts'
import { cacheFolder, withFolder } from '../../embedded/cache.ts'
import { freePorts } from '../../embedded/ports.ts'
import { onPath, programAt } from '../../embedded/program.ts'

const module = 'github.com/goccy/bigquery-emulator'
const modules = join(import.meta.dirname, 'emulator')

/** Where the emulator is, or why there is none here. */
export type Emulator = { path: string } | { reason: string }

/** The version that emulator/go.mod pins, without `v`. */
function pinnedVersion(): string {
  const version = new RegExp(`${module} v(\\S+)`).exec(
    readFileSync(join(modules, 'go.mod'), 'utf8'),
  )?.[1]
  if (version === undefined) throw new Error(`${modules}/go.mod does not name ${module}.`)
  return version
}

/**
 * Finds the emulator in the user's cache folder, or builds it there: some minutes, and over 6 GB of memory.
 * @throws Error where Go is there and can't build it.
 */
export async function findEmulator(
  env: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<Emulator> {
  const version = pinnedVersion()
  const path = join(cacheFolder(env), `bigquery-emulator-${version}`, 'bigquery-emulator')
  if (programAt(path)) return { path }
  if (onPath(env, 'go') === undefined)
    return {
      reason: `Go is not on the PATH, and there is no BigQuery emulator ${version} in the cache`,
    }
  const waiting = { what: 'the BigQuery emulator', onProgress }
  return withFolder(dirname(path), waiting, async () => {
    // The process that was waited for has put it there.
    if (!programAt(path))
      await buildGoProgram({
        command: `${module}/cmd/bigquery-emulator`,
        modules,
        target: path,
        saying:
          'building the BigQuery emulator from its Go modules, 7 minutes or more and over 6 GB of memory, once per machine',
        env,
        onProgress,
      })
    return { path }
  })
}

/** A running emulator. */
export interface RunningEmulator {
  /** Without a slash at its end. */
  url: string
  close(): Promise<void>
}

/** Starts one with nothing in it, on free ports of this machine. */
export async function startEmulator(path: string, project: string): Promise<RunningEmulator> {
  const folder = mkdtempSync(join(tmpdir(), 'lfm-googlesql-'))
  const [port = 0, grpcPort = 0] = await freePorts(2)
  const flags = [`--project=${project}`, '--host=127.0.0.1', `--port=${port}`]
  const child = spawn(path, [...flags, `--grpc-port=${grpcPort}`], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const said: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (said.push(line) > 5) said.shift()
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      reject(new Error(`The BigQuery emulator ended with ${code}: ${said.join(' / ')}`)),
    )
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('REST server listening')) resolve()
    })
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswering(url, project)
  return {
    url,
    async close() {
      // What it holds is of use to nobody, and its own way of stopping waits for its connections.
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** It says that it listens before it does. */
async function untilAnswering(url: string, project: string): Promise<void> {
  for (let left = 100; ; left--) {
    try {
      await fetch(`${url}/bigquery/v2/projects/${project}/datasets`)
      return
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
