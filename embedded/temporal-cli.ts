// Finds a Temporal CLI: the named one, one on the PATH, one in the cache folder; else it is downloaded or built.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildTemporalCli } from './build-temporal-cli.ts'
import { cacheFolder, withFolder } from './cache.ts'
import { downloadTemporalCli } from './download-temporal-cli.ts'
import { onPath, programAt } from './program.ts'

/** No Temporal CLI can be had; the message is one sentence that says what to install. */
export class NoTemporalCli extends Error {
  override readonly name = 'NoTemporalCli'
}

/** A way of getting the CLI's program into a file. It fails with a reason that fits after "download:" or "Go:". */
export type Acquire = (options: {
  /** Version without `v`. */
  version: string
  /** Path that the finished program gets. */
  target: string
  env: NodeJS.ProcessEnv
  onProgress: (line: string) => void
  signal: AbortSignal | undefined
}) => Promise<void>

export interface FindTemporalCli {
  /** `LFM_TEMPORAL_CLI`. */
  named: string | undefined
  /** Where PATH, HOME and XDG_CACHE_HOME are looked up; default: the environment. */
  env?: NodeJS.ProcessEnv
  onProgress?: (line: string) => void
  signal?: AbortSignal
  download?: Acquire
  build?: Acquire
}

/** The oldest server whose task queue rates, search attributes and updates are those that LFM was made with. */
const oldestServer = { major: 1, minor: 31 }

const run = promisify(execFile)

/** The server version that a CLI reports, as in `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)`. */
async function complaintAbout(path: string): Promise<string | undefined> {
  let said: string
  try {
    said = (await run(path, ['--version'], { timeout: 10_000 })).stdout
  } catch {
    return 'does not answer --version'
  }
  const [, major, minor] = /\bServer (\d+)\.(\d+)/.exec(said) ?? []
  if (major === undefined) return 'is not the Temporal CLI, by its --version'
  const newEnough =
    Number(major) > oldestServer.major ||
    (Number(major) === oldestServer.major && Number(minor) >= oldestServer.minor)
  if (newEnough) return undefined
  return `brings Temporal server ${major}.${minor}, which is older than ${oldestServer.major}.${oldestServer.minor}`
}

/** The version that embedded/temporal-cli/go.mod pins, without `v`. */
export function pinnedVersion(): string {
  const file = join(import.meta.dirname, 'temporal-cli', 'go.mod')
  const version = /github\.com\/temporalio\/cli v(\S+)/.exec(readFileSync(file, 'utf8'))?.[1]
  if (version === undefined) throw new Error(`${file} does not name github.com/temporalio/cli.`)
  return version
}

/** The program's place in the user's cache folder: `${XDG_CACHE_HOME:-~/.cache}/lfm/temporal-cli-<version>/temporal`. */
export function cachedPath(env: NodeJS.ProcessEnv, version: string): string {
  return join(cacheFolder(env), `temporal-cli-${version}`, 'temporal')
}

const reasonOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')

/**
 * Finds the Temporal CLI, in the order: `LFM_TEMPORAL_CLI`; `temporal` on the PATH, when it is new enough; the user's
 * cache folder; the SDK's own download of the official release; built with Go from the modules that
 * embedded/temporal-cli pins. What is downloaded or built stays in the cache folder.
 * @returns its path.
 * @throws NoTemporalCli
 */
export async function findTemporalCli(options: FindTemporalCli): Promise<string> {
  const { named, env = process.env, onProgress = () => undefined, signal } = options
  const { download = downloadTemporalCli, build = buildTemporalCli } = options
  if (named !== undefined) {
    const complaint = programAt(named) ? await complaintAbout(named) : 'is not a program'
    if (complaint === undefined) return named
    throw new NoTemporalCli(
      `LFM_TEMPORAL_CLI names ${named}, which ${complaint}: set it to a Temporal CLI with server ${oldestServer.major}.${oldestServer.minor} or later, or unset it.`,
    )
  }

  const tried: string[] = []
  const found = onPath(env, 'temporal')
  if (found !== undefined) {
    const complaint = await complaintAbout(found)
    if (complaint === undefined) return found
    onProgress(`${found} ${complaint}: passed over`)
    tried.push(`${found} ${complaint}`)
  }

  const version = pinnedVersion()
  const target = cachedPath(env, version)
  const isCached = async () => programAt(target) && (await complaintAbout(target)) === undefined
  if (await isCached()) return target

  const what = 'the Temporal CLI'
  return withFolder(join(target, '..'), { what, onProgress, signal }, async () => {
    // The process that was waited for has put it there.
    if (await isCached()) return target
    for (const [way, acquire] of [['download', download] as const, ['Go', build] as const]) {
      try {
        await acquire({ version, target, env, onProgress, signal })
        const complaint = await complaintAbout(target)
        if (complaint === undefined) return target
        tried.push(`${way}: what came ${complaint}`)
      } catch (error) {
        signal?.throwIfAborted()
        tried.push(`${way}: ${reasonOf(error)}`)
      }
    }
    throw new NoTemporalCli(
      `There is no Temporal CLI: install it (https://docs.temporal.io/cli) or Go 1.26 or later (https://go.dev/dl), or set LFM_TEMPORAL_CLI to its path (${tried.join('; ')}).`,
    )
  })
}
