// The embedded start, with the real Temporal and PostgreSQL and with stand-ins for our own programs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client, Connection } from '@temporalio/client'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../../embedded/start.ts'
import { temporaryFolder, writeProgram } from './folder.ts'

const standIn = `
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
setInterval(() => undefined, 1_000)
console.log(JSON.stringify({ level: 30, time: Date.now(), msg: 'up' }))
process.send({ kind: 'ready', port: 1 })
`
const startUrl = new URL('../../embedded/start.ts', import.meta.url).href
const mainPath = new URL('../../embedded/main.ts', import.meta.url).pathname

/** The environment without anything that would name a part. */
function plainEnv(): Record<string, string | undefined> {
  const named = /^(LFM_(?!TEMPORAL_CLI)|TEMPORAL_|DATABASE_URL|LINE_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !named.test(name)))
}

function makeOptions(dataDir: string): EmbeddedOptions {
  const entry = writeProgram(temporaryFolder(), 'stand-in.mjs', standIn)
  return {
    env: plainEnv(),
    dataDir,
    ports: 'free',
    entries: { simulator: entry, worker: entry, api: entry },
    migrate: async () => undefined,
  }
}

async function start(options: EmbeddedOptions): Promise<Embedded> {
  const embedded = await startEmbedded(options)
  onTestFinished(() => embedded.stop())
  return embedded
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

async function withTemporal<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address })
  try {
    return await work(new Client({ connection }))
  } finally {
    await connection.close()
  }
}

const workflow = { workflowType: 'anything', taskQueue: 'nobody-listens', workflowId: 'kept' }

test('a first start makes the databases and the secrets, and stops in order', async () => {
  const dataDir = join(temporaryFolder(), '.lfm')
  const { addresses, processes, stop } = await start(makeOptions(dataDir))
  expect(processes().map(({ name }) => name)).toEqual([
    ...['temporal', 'postgres', 'simulator', 'worker', 'api'],
  ])
  const durable = `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as sync`
  expect(await query(addresses.databaseUrl, durable)).toEqual([{ fsync: 'on', sync: 'on' }])
  const attributes = await withTemporal(addresses.temporal, ({ connection }) =>
    connection.operatorService.listSearchAttributes({ namespace: 'default' }),
  )
  expect(Object.keys(attributes.customAttributes)).toEqual(
    expect.arrayContaining(['LfmCampaign', 'LfmChannel', 'LfmState']),
  )
  for (const name of ['secret-key', 'api-token', 'postgres-password']) {
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  }
  await stop()
  expect(processes()).toEqual([])
})

test('a second start on the same data folder is refused by one sentence', async () => {
  const dataDir = temporaryFolder()
  const { addresses } = await start({ ...makeOptions(dataDir), processes: { simulator: 0 } })
  const second = spawn(process.execPath, [mainPath], {
    env: { ...plainEnv(), LFM_DATA_DIR: dataDir },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said: string[] = []
  createInterface({ input: second.stderr }).on('line', (line) => said.push(line))
  const [code] = (await once(second, 'close')) as [number]
  expect(code).toBe(1)
  expect(said).toEqual([
    expect.stringMatching(
      new RegExp(
        `^LFM is already running on ${dataDir} \\(process ${process.pid}, since [-0-9: ]+, API ${addresses.api}\\)\\.$`,
      ),
    ),
  ])
})

test('a start after kill -9 of the whole supervisor goes on with what there was', async () => {
  const dataDir = temporaryFolder()
  const options = makeOptions(dataDir)
  const script = writeProgram(
    temporaryFolder(),
    'supervisor.mjs',
    `import { startEmbedded } from ${JSON.stringify(startUrl)}
     const options = ${JSON.stringify(options)}
     const { addresses } = await startEmbedded({ ...options, migrate: async () => undefined })
     process.send(addresses)`,
  )
  const supervisor = spawn(process.execPath, [script], { stdio: ['ignore', 1, 2, 'ipc'] })
  const [first] = (await once(supervisor, 'message')) as [Embedded['addresses']]
  await query(first.databaseUrl, 'create table kept as select 42 as answer')
  await withTemporal(first.temporal, (client) =>
    client.workflow.start(workflow.workflowType, { ...workflow, args: [] }),
  )
  supervisor.kill('SIGKILL')
  await once(supervisor, 'exit')

  const lines: string[] = []
  const { addresses } = await start({ ...options, onLog: (line) => lines.push(line) })
  const stopped = lines.filter((line) => line.includes('was left running'))
  expect(stopped.join('\n')).toMatch(/temporal[^]*postgres|postgres[^]*temporal/)
  expect(await query(addresses.databaseUrl, 'select answer from kept')).toEqual([{ answer: 42 }])
  const { status } = await withTemporal(addresses.temporal, (client) =>
    client.workflow.getHandle(workflow.workflowId).describe(),
  )
  expect(status.name).toBe('RUNNING')
})

test('a taken port is told by the name of its setting before anything starts', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const dataDir = temporaryFolder()
  const options = makeOptions(dataDir)
  const env = { ...plainEnv(), LFM_POSTGRES_PORT: String(port), LFM_SIMULATOR_PORT: '0' }
  const free = { LFM_API_PORT: '0', LFM_TEMPORAL_PORT: '0', LFM_TEMPORAL_UI_PORT: '0' }
  await expect(
    startEmbedded({ ...options, env: { ...env, ...free }, ports: 'configured' }),
  ).rejects.toThrow(
    `LFM_POSTGRES_PORT ${port} is taken by another program; set LFM_POSTGRES_PORT to a free port.`,
  )
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
})

test('what the environment names is not started', async () => {
  const options = makeOptions(temporaryFolder())
  const { processes, addresses, env } = await start({
    ...options,
    env: {
      ...plainEnv(),
      DATABASE_URL: 'postgres://elsewhere/lfm',
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      LINE_API_BASE_URL: 'https://line.example/',
    },
    processes: { worker: 2, api: 0 },
  })
  expect(processes().map(({ name }) => name)).toEqual(['worker', 'worker-2'])
  expect(addresses).toMatchObject({
    temporal: 'temporal.example:7233',
    line: 'https://line.example',
    databaseUrl: 'postgres://elsewhere/lfm',
  })
  expect(env.TEMPORAL_ADDRESS).toBe('temporal.example:7233')
})

test('a part that ends by itself is started again', async () => {
  const backUp = Promise.withResolvers<void>()
  const lines: string[] = []
  const { kill, processes } = await start({
    ...makeOptions(temporaryFolder()),
    env: { ...plainEnv(), DATABASE_URL: 'postgres://x/y', TEMPORAL_ADDRESS: 'x:1' },
    processes: { simulator: 0, api: 0 },
    onLog(line) {
      lines.push(line.slice('00:00:00 '.length))
      if (line.endsWith('is up again.')) backUp.resolve()
    },
  })
  const before = processes()
  await kill('worker', 'SIGKILL')
  await backUp.promise
  expect(lines).toContain('worker     ended unexpectedly (SIGKILL); it is started again in 0.5 s.')
  expect(processes()).not.toEqual(before)
})

test('with restartPolicy never a killed part stays down until it is started again', async () => {
  const { kill, restart, startWorker, processes } = await start({
    ...makeOptions(temporaryFolder()),
    env: { ...plainEnv(), DATABASE_URL: 'postgres://x/y', TEMPORAL_ADDRESS: 'x:1' },
    processes: { simulator: 0, api: 0 },
    restartPolicy: 'never',
  })
  await kill('worker', 'SIGKILL')
  expect(processes()).toEqual([])
  expect(await startWorker()).toBe('worker-2')
  await restart('worker')
  expect(processes().map(({ name }) => name)).toEqual(['worker', 'worker-2'])
})

test('a program that does not come up ends the start, with what it said', async () => {
  const options = makeOptions(temporaryFolder())
  const broken = writeProgram(
    temporaryFolder(),
    'broken.mjs',
    `console.error('LFM_SECRET_KEY is not the key of this database.')\nprocess.exitCode = 1\n`,
  )
  const env = { ...plainEnv(), DATABASE_URL: 'postgres://x/y', TEMPORAL_ADDRESS: 'x:1' }
  await expect(
    startEmbedded({ ...options, env, entries: { ...options.entries, api: broken } }),
  ).rejects.toThrow(
    'api ended before it was ready (exit code 1).\n  LFM_SECRET_KEY is not the key of this database.',
  )
})
