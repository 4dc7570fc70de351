// Starts everything that LFM needs on one machine, each part only where the environment does not name another.
import { join } from 'node:path'
import { readSettings } from '../config/env.ts'
import { bigQueryPart, endpointAt } from './bigquery.ts'
import { renderLogLine } from './log-line.ts'
import { createLauncher } from './launch.ts'
import { stopLeftovers } from './leftovers.ts'
import { nodePart } from './node-part.ts'
import { ownDataFolder } from './owner.ts'
import { freePorts } from './ports.ts'
import { postgresPart } from './postgres.ts'
import { type Environment, settle } from './settle.ts'
import { createSupervisor, type Part } from './supervise.ts'
import { findTemporalCli } from './temporal-cli.ts'
import { temporalPart } from './temporal.ts'

type Program = 'simulator' | 'worker' | 'api'

export interface EmbeddedOptions {
  /** Default: the environment of this process. */
  env?: Environment
  /** Default: `LFM_DATA_DIR`. */
  dataDir?: string
  /** `free` takes free ports for all parts in place of the configured ones; default `configured`. */
  ports?: 'configured' | 'free'
  /** How many of each; default one. With `simulator: 0` LINE is left to the environment. */
  processes?: Partial<Record<Program, number>>
  /**
   * Starts the simulator of BigQuery as well and makes it the warehouse, on a free port and with a dataset of its own,
   * whatever warehouse the environment names; default false. For demo and tests.
   */
  withBigQuery?: boolean
  /** What is done when a part ends by itself; default `always`. */
  restartPolicy?: 'always' | 'never'
  /** Paths of other programs, for tests. */
  entries?: Partial<Record<Program, string>>
  /** Brings the database to the current schema; default that of store/migrate.ts. */
  migrate?: (databaseUrl: string) => Promise<unknown>
  /** Told every line of every part, readable; default nobody. */
  onLog?: (line: string) => void
  /** Aborting it ends a start that is under way. */
  signal?: AbortSignal
}

/** Where the parts are; what the environment names is given as it is named there. */
export interface Addresses {
  api: string
  /** host:port */
  temporal: string
  /** undefined where Temporal is not ours. */
  temporalUi: string | undefined
  line: string
  /** undefined where LINE is not ours. */
  simulator: string | undefined
  /** Of the simulator of BigQuery; undefined where none was asked for. */
  bigQuery: string | undefined
  /** With the password. */
  databaseUrl: string
}

export interface Embedded {
  addresses: Addresses
  dataDir: string
  /** Bearer token that the API lets in. */
  apiToken: string
  /** The whole environment that the parts were started with, for further processes of the same kind. */
  env: Environment
  /** What runs now; names are temporal, postgres, simulator, bigquery, worker, worker-2, api, api-2 and so on. */
  processes: () => { name: string; pid: number }[]
  /** Sends a signal to a part; resolves when it has ended. */
  kill: (name: string, signal: NodeJS.Signals) => Promise<void>
  /** Starts a part again: in order where it runs, at once where it has ended. */
  restart: (name: string) => Promise<void>
  /** Starts one more worker, with these settings besides its own; resolves with its name when it is ready. */
  startWorker: (extra?: Environment) => Promise<string>
  /** Stops all parts in order and gives the data folder free; a second call waits for the first. */
  stop: () => Promise<void>
}

const root = join(import.meta.dirname, '..')
const defaultEntries: Record<Program, string> = {
  simulator: join(root, 'simulator', 'main.ts'),
  worker: join(root, 'worker', 'main.ts'),
  api: join(root, 'api', 'main.ts'),
}
const bigQueryEntry = join(root, 'simulator', 'bigquery', 'main.ts')

async function migrateStore(databaseUrl: string): Promise<unknown> {
  // Loaded only when it is needed: what finds the Temporal CLI has no use for a database driver.
  const { migrate } = await import('../store/migrate.ts')
  return migrate(databaseUrl)
}

/**
 * Starts, in this order, what is not named elsewhere: Temporal's dev server, PostgreSQL, the simulator; then brings the
 * schema up to date and starts the workers and the APIs. What an earlier start left running when it was killed is
 * stopped first. All parts are children of this process, and are killed when it exits without having stopped them.
 * @throws ConfigRefused, AlreadyRunning, PortsTaken, DataFolderRefused, NoTemporalCli, PostgresRefused or PartFailed,
 * each with a message for the person who started it; nothing is left running then.
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  const { processes = {}, onLog = () => undefined, migrate = migrateStore } = options
  const signal = options.signal ?? new AbortController().signal
  const count = (program: Program) => processes[program] ?? 1
  const say = (name: string, line: string) => onLog(renderLogLine(name, line))

  const given = { ...(options.env ?? process.env) }
  if (options.dataDir !== undefined) given.LFM_DATA_DIR = options.dataDir
  const owned = ownDataFolder(readSettings(given).dataDir)
  const launcher = createLauncher({ runDir: owned.runDir, onLine: say })
  process.on('exit', launcher.killAll)
  const supervisor = createSupervisor({
    restartPolicy: options.restartPolicy ?? 'always',
    onLine: say,
  })
  const started: Record<Program, string[]> = { simulator: [], worker: [], api: [] }

  async function stopAll(): Promise<void> {
    const { api, worker, simulator } = started
    for (const step of [api, worker, [...simulator, 'bigquery'], ['temporal'], ['postgres']]) {
      await supervisor.stop(step)
    }
    process.off('exit', launcher.killAll)
    owned.release()
  }
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= stopAll())

  async function startAll(): Promise<Embedded> {
    for (const name of await stopLeftovers(owned.runDir)) {
      say(name, 'was left running by an earlier start that was killed; it is stopped now.')
    }
    const settled = await settle({
      env: given,
      ports: options.ports ?? 'configured',
      simulatorWanted: count('simulator') > 0,
      apiWanted: count('api') > 0,
      bigQueryWanted: options.withBigQuery ?? false,
    })
    const { settings, env, ours, postgresPassword, databaseUrl, apiToken, bigQueryPort } = settled
    const { dataDir, api, embedded, line, temporal, worker } = settings
    const graceMs = {
      simulator: 5_000,
      // Above the worker's own grace, so that it is never cut off while it keeps its word.
      worker: worker.graceMs + 5_000,
      api: 10_000,
    }

    async function bring(part: Part): Promise<void> {
      say(part.name, 'is starting')
      await supervisor.add(part, signal)
    }

    async function startProgram(program: Program, extra: Environment = {}): Promise<string> {
      const n = started[program].length + 1
      const name = n === 1 ? program : `${program}-${n}`
      const entry = options.entries?.[program] ?? defaultEntries[program]
      // Noted before it is up, so that a stop in the midst of the start finds it.
      started[program].push(name)
      await bring(
        nodePart(launcher, { name, entry, env: { ...env, ...extra }, graceMs: graceMs[program] }),
      )
      return name
    }

    async function startTemporal(): Promise<void> {
      const cli = await findTemporalCli({
        named: embedded.temporalCli,
        env: given,
        onProgress: (text) => say('temporal', text),
        signal,
      })
      const { temporalPort: port, temporalUiPort: uiPort } = embedded
      await bring(temporalPart(launcher, { cli, dataDir, port, uiPort, env }))
    }

    async function startPostgres(password: string): Promise<void> {
      await bring(postgresPart(launcher, { dataDir, port: embedded.postgresPort, password }))
    }

    async function startBigQuery(port: number): Promise<void> {
      const graceMs = 5_000
      await bring(bigQueryPart(launcher, { entry: bigQueryEntry, dataDir, port, env, graceMs }))
    }

    if (ours.temporal) await startTemporal()
    if (postgresPassword !== undefined) await startPostgres(postgresPassword)
    if (ours.simulator) await startProgram('simulator')
    if (bigQueryPort !== undefined) await startBigQuery(bigQueryPort)
    signal.throwIfAborted()
    await migrate(databaseUrl)
    for (let n = 0; n < count('worker'); n += 1) await startProgram('worker')
    for (let n = 0; n < count('api'); n += 1) {
      const [port] = n === 0 ? [api.port] : await freePorts(1)
      await startProgram('api', { LFM_API_PORT: String(port) })
    }

    const addresses: Addresses = {
      api: `http://${api.host.includes(':') ? `[${api.host}]` : api.host}:${api.port}`,
      temporal: temporal.address,
      temporalUi: ours.temporal ? `http://127.0.0.1:${embedded.temporalUiPort}` : undefined,
      line: line.baseUrl,
      simulator: ours.simulator ? line.baseUrl : undefined,
      bigQuery: bigQueryPort === undefined ? undefined : endpointAt(bigQueryPort),
      databaseUrl,
    }
    owned.tell(`API ${addresses.api}`)
    const { kill, restart, processes: running } = supervisor
    return {
      addresses,
      dataDir,
      apiToken,
      env,
      processes: running,
      kill,
      restart,
      startWorker: (extra) => startProgram('worker', extra),
      stop,
    }
  }

  try {
    return await startAll()
  } catch (error) {
    await stop()
    throw error
  }
}
