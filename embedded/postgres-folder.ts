// Makes PostgreSQL's data folder, once.
import { chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Launcher, PartFailed } from './launch.ts'
import { pathAsSeenBy, type PostgresAccount, spawnAs } from './postgres-account.ts'

export interface PostgresFolder {
  databaseDir: string
  password: string
  account: PostgresAccount
}

/**
 * Makes the folder with the superuser `lfm`. What a kill left half made is thrown away: only a whole folder gets the name.
 * @throws PartFailed with what initdb said.
 */
export async function initialisePostgres(
  launcher: Launcher,
  options: PostgresFolder,
): Promise<void> {
  const { databaseDir, password, account } = options
  const { ids } = account
  const unfinished = `${databaseDir}-unfinished`
  const secrets = await mkdtemp(join(tmpdir(), 'lfm-initdb-'))
  const passwordFile = join(secrets, 'password')
  try {
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { mode: 0o700 })
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    if (ids) {
      for (const path of [unfinished, secrets, passwordFile]) await chown(path, ids.uid, ids.gid)
    }
    const flags = [
      `--pgdata=${pathAsSeenBy(account, unfinished)}`,
      `--pwfile=${passwordFile}`,
      ...['--username=lfm', '--auth=scram-sha-256', '--encoding=UTF8', '--no-locale'],
    ]
    const initdb = await launcher.launch({
      name: 'initdb',
      command: account.binDir,
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      isTold: () => false,
      spawn: () => spawnAs(account, 'initdb', flags, unfinished),
    })
    const how = await initdb.ended
    if (how !== 'exit code 0') {
      const said = initdb.lastLines().map((line) => `\n  ${line}`)
      throw new PartFailed(`PostgreSQL could not make its data folder (${how}).${said.join('')}`)
    }
    await rename(unfinished, databaseDir)
  } finally {
    await rm(secrets, { recursive: true, force: true })
  }
}
