// Makes the workflow bundle once per version of the workflow code, in a process of its own.
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'dist')
/** Everything that the bundle is made of; activities are imported as types only. */
const sources = ['workflows', 'domain']

async function bundlePath(): Promise<string> {
  const hash = createHash('sha256')
  const sdk = createRequire(import.meta.url)('@temporalio/worker/package.json') as {
    version: string
  }
  hash.update(sdk.version)
  for (const room of sources) {
    const names = (await readdir(join(root, room))).filter((name) => /(?<!\.test)\.ts$/.test(name))
    for (const name of names.sort()) {
      hash.update(`\n${room}/${name}\n`)
      hash.update(await readFile(join(root, room, name)))
    }
  }
  return join(folder, `workflows-${hash.digest('hex').slice(0, 16)}.cjs`)
}

async function writeBundle(path: string): Promise<void> {
  const { bundleWorkflowCode } = await import('@temporalio/worker')
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', 'index.ts'),
  })
  await mkdir(folder, { recursive: true })
  // Whole or not at all: two workers may start at the same moment.
  const unfinished = `${path}.${process.pid}`
  await writeFile(unfinished, code)
  await rename(unfinished, path)
}

/**
 * The path of the bundle of the workflow code as it is now; made where it is missing.
 * The bundler's memory (some 300 MB) is given back with its process, for a worker lives long and small.
 */
export async function ensureBundle(): Promise<string> {
  const path = await bundlePath()
  if (existsSync(path)) return path
  await new Promise<void>((resolve, reject) => {
    const child = fork(import.meta.filename, [], { execArgv: [], stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error('The workflow bundle could not be made.')),
    )
  })
  return path
}

if (import.meta.main) {
  const path = await bundlePath()
  if (!existsSync(path)) await writeBundle(path)
}
