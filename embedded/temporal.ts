// Runs the Temporal CLI's dev server on a SQLite file that outlives kill -9.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { type Launcher, retryUntil, untilReady } from './launch.ts'
import { type Part } from './supervise.ts'

export interface EmbeddedTemporal {
  /** Path of a Temporal CLI. */
  cli: string
  dataDir: string
  port: number
  uiPort: number
  env: NodeJS.ProcessEnv
}

/** Search attributes that deliveries are found by in Temporal Web; all are keywords. */
const searchAttributes = ['LfmCampaign', 'LfmChannel', 'LfmState']

const dynamicConfig = {
  // With several partitions a rate-limited queue is uneven and slower than its limit.
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'frontend.enableServerVersionCheck': false,
  // An eagerly started activity would not pass the queue's rate limit.
  'system.enableActivityEagerExecution': false,
}

/** Where it listens is told by us. */
const banner = /^Temporal (CLI|Server|Persistence|UI|Metrics)\b/
/** What it says of its own polls when it is stopped. */
const expected = /context canceled/

/** Flags of `temporal server start-dev`. */
function flags({ dataDir, port, uiPort }: EmbeddedTemporal): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1'],
    ...['--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', join(dataDir, 'temporal.db')],
    // WAL with NORMAL loses nothing when the process is killed, and waits for the disk far less often than FULL.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...['--log-level', 'error', '--color', 'never'],
    ...Object.entries(dynamicConfig).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ]
}

/** Resolves when somebody listens; gRPC would wait a second before it tries a refused connection again. */
async function listens(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

/** Resolves when the server knows its namespace and all search attributes; rejects where it does not yet. */
async function answers(port: number): Promise<void> {
  await listens(port)
  const address = `127.0.0.1:${port}`
  const connection = await Connection.connect({ address, connectTimeout: 1_000 })
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' })
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    })
    const missing = searchAttributes.filter((name) => !(name in customAttributes))
    if (missing.length > 0)
      throw new Error(`Search attributes are not there yet: ${missing.join()}`)
  } finally {
    await connection.close()
  }
}

export function temporalPart(launcher: Launcher, options: EmbeddedTemporal): Part {
  const name = 'temporal'
  // The CLI reads TEMPORAL_* as well, and it is the server here, not a client of one.
  const env = Object.fromEntries(
    Object.entries(options.env).filter(([key]) => !key.startsWith('TEMPORAL_')),
  )
  return {
    name,
    async start(signal) {
      const running = await launcher.launch({
        name,
        command: options.cli,
        stopSignal: 'SIGTERM',
        graceMs: 10_000,
        isTold: (line) => line !== '' && !banner.test(line) && !expected.test(line),
        spawn: () =>
          spawn(options.cli, flags(options), {
            env,
            stdio: ['ignore', 'pipe', 'pipe'],
            detached: true,
          }),
      })
      await untilReady(name, running, (over) => retryUntil(() => answers(options.port), over), {
        withinMs: 30_000,
        signal,
      })
      return running
    },
  }
}
