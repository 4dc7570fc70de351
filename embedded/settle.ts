// Settles an embedded start before anything runs: which parts are ours, on which ports, with which secrets.
import { embeddedDatabaseUrl } from '../config/data-folder.ts'
import { readSettings, type Settings } from '../config/env.ts'
import { simulatedBigQuery } from './bigquery.ts'
import { freePorts, requirePorts, type WantedPort } from './ports.ts'
import { keepApiToken, keepPostgresPassword, keepSecretKey } from './secrets.ts'

export type Environment = Record<string, string | undefined>

/** A start with nothing left open. */
export interface Settled {
  settings: Settings
  /** The environment of every process that is started, complete. */
  env: Environment
  /** What is started here, because the environment does not name another. */
  ours: { temporal: boolean; postgres: boolean; simulator: boolean }
  /** Of the embedded PostgreSQL; undefined where it is not ours. */
  postgresPassword: string | undefined
  databaseUrl: string
  apiToken: string
  /** Of the simulator of BigQuery; undefined where none is wanted. */
  bigQueryPort: number | undefined
}

export interface Unsettled {
  env: Environment
  ports: 'configured' | 'free'
  simulatorWanted: boolean
  apiWanted: boolean
  bigQueryWanted: boolean
}

/** Adds a port for every part that has none, and a place for the simulator of BigQuery. */
async function withPorts({ env, ports, bigQueryWanted }: Unsettled) {
  const { api, embedded } = readSettings(env)
  const configured = {
    LFM_API_PORT: api.port,
    LFM_TEMPORAL_PORT: embedded.temporalPort,
    LFM_TEMPORAL_UI_PORT: embedded.temporalUiPort,
    LFM_POSTGRES_PORT: embedded.postgresPort,
    LFM_SIMULATOR_PORT: embedded.simulatorPort,
  }
  const unset = Object.entries(configured).filter(([, port]) => ports === 'free' || port === 0)
  const found = await freePorts(unset.length + (bigQueryWanted ? 1 : 0))
  const bigQueryPort = bigQueryWanted ? found.at(-1) : undefined
  const withEveryPort: Environment = {
    ...env,
    ...Object.fromEntries(unset.map(([name], i) => [name, String(found[i])])),
    ...(bigQueryPort !== undefined && simulatedBigQuery(bigQueryPort)),
  }
  return { withEveryPort, bigQueryPort }
}

/** The environment without a trace of another Temporal, whose TLS or API key would not fit the embedded one. */
function withoutTemporal(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')))
}

/**
 * Settles a start in its data folder, which must be owned and free of leftovers.
 * @throws ConfigRefused, PortsTaken, DataFolderRefused
 */
export async function settle(unsettled: Unsettled): Promise<Settled> {
  const { withEveryPort, bigQueryPort } = await withPorts(unsettled)
  const settings = readSettings(withEveryPort)
  const { dataDir, api, embedded, line, temporal } = settings
  const ours = {
    temporal: !temporal.named,
    postgres: settings.databaseUrl === undefined,
    simulator: !line.named && unsettled.simulatorWanted,
  }

  const local = (variable: string, port: number): WantedPort => ({
    variable,
    port,
    host: '127.0.0.1',
  })
  const wanted: WantedPort[] = []
  if (unsettled.apiWanted) {
    wanted.push({ variable: 'LFM_API_PORT', port: api.port, host: api.host })
  }
  if (ours.temporal) {
    wanted.push(local('LFM_TEMPORAL_PORT', embedded.temporalPort))
    wanted.push(local('LFM_TEMPORAL_UI_PORT', embedded.temporalUiPort))
  }
  if (ours.postgres) wanted.push(local('LFM_POSTGRES_PORT', embedded.postgresPort))
  if (ours.simulator)
    wanted.push({
      variable: 'LFM_SIMULATOR_PORT',
      port: embedded.simulatorPort,
      host: embedded.simulatorHost,
    })
  await requirePorts(wanted)

  const postgresPassword = ours.postgres ? keepPostgresPassword(dataDir) : undefined
  const databaseUrl =
    settings.databaseUrl?.reveal() ??
    embeddedDatabaseUrl(embedded.postgresPort, postgresPassword ?? '')
  const apiToken = api.token?.reveal() ?? keepApiToken(dataDir)
  return {
    settings,
    ours,
    postgresPassword,
    databaseUrl,
    apiToken,
    bigQueryPort,
    env: {
      ...(ours.temporal
        ? { ...withoutTemporal(withEveryPort), TEMPORAL_ADDRESS: temporal.address }
        : withEveryPort),
      // The processes may be started in another folder.
      LFM_DATA_DIR: dataDir,
      LFM_API_TOKEN: apiToken,
      LFM_SECRET_KEY: settings.secretKey?.reveal().toString('base64') ?? keepSecretKey(dataDir),
      DATABASE_URL: databaseUrl,
      LINE_API_BASE_URL: line.baseUrl,
    },
  }
}
