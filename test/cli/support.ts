// Runs lfm as a person does: a process of its own, whose output and exit code are looked at.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { token } from '../api/support.ts'

const entry = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

export interface Ran {
  code: unknown
  stdout: string
  stderr: string
  /** stdout as JSON. */
  json(): Record<string, unknown> & { id: string; items: Record<string, unknown>[] }
}

/** @param input what stands on its standard input */
export async function lfm(
  url: string,
  args: string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [entry, '--api', url, ...args], {
    env: { PATH: process.env.PATH, LFM_API_TOKEN: token, LFM_DATA_DIR: '/nowhere', ...env },
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as unknown[]
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as ReturnType<Ran['json']> }
}
