// One more API process beside the system's own, with settings of the test, that can be killed.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Client, createClient } from '../../cli/client.ts'
import { freePorts } from '../../embedded/ports.ts'
import { type RunningSystem } from './running-system.ts'

/** Starts it; it is stopped when the test ends. */
export async function startApi(
  { embedded: { env, apiToken } }: RunningSystem,
  extra: Record<string, string> = {},
): Promise<{ client: Client; process: ChildProcess }> {
  const [port] = await freePorts(1)
  const api = fork(join(import.meta.dirname, '..', '..', 'api', 'main.ts'), [], {
    env: { ...env, ...extra, LFM_API_PORT: String(port) },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(api, 'exit')
  onTestFinished(async () => {
    api.kill('SIGTERM')
    await ended
  })
  await once(api, 'message')
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token: apiToken })
  return { client, process: api }
}
