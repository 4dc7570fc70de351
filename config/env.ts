// The only reader of the environment: one frozen object, or every problem of it at once.
import { resolve } from 'node:path'
import { type z } from 'zod'
import { embeddedDatabaseUrl, readKeptSecret } from './data-folder.ts'
import { nearest } from './nearest.ts'
import { type Secret, secret } from './secret.ts'
import { readTemporalConfig, type TemporalConfig } from './temporal.ts'
import { secretVariables, variables } from './variables.ts'
import { readWarehouseConfig, type WarehouseConfig } from './warehouse.ts'

/** The environment can't be used; the message has one line for each problem, with what to do. */
export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`The settings can't be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** What the environment says, before anything that the data folder keeps is added. */
export interface Settings {
  /** Absolute path. */
  readonly dataDir: string
  readonly logLevel: z.infer<typeof variables>['LFM_LOG_LEVEL']
  readonly api: {
    readonly host: string
    readonly port: number
    readonly token: Secret | undefined
  }
  /** 32 bytes. */
  readonly secretKey: Secret<Buffer> | undefined
  readonly databaseUrl: Secret | undefined
  readonly temporal: TemporalConfig
  readonly line: {
    /** Whether the environment names a LINE; the simulator takes its place where it does not. */
    readonly named: boolean
    /** Without a slash at its end. */
    readonly baseUrl: string
    readonly deadlineMs: number
  }
  readonly warehouse: WarehouseConfig
  /** Days that the warehouse keeps plans and parts, and logs; for ever where undefined. */
  readonly keepDays: { readonly plans: number; readonly logs: number | undefined }
  readonly worker: {
    readonly graceMs: number
    readonly outcomeMergeMs: number
    readonly roundDelaysMs: readonly number[]
  }
  readonly alerts: {
    /** Time without progress that is borne in silence. */
    readonly afterMs: number
    /** A secret, for such URLs let in whoever knows them. */
    readonly webhookUrl: Secret | undefined
  }
  /** What the embedded start needs besides. */
  readonly embedded: {
    readonly temporalCli: string | undefined
    readonly temporalPort: number
    readonly temporalUiPort: number
    readonly postgresPort: number
    readonly simulatorPort: number
    readonly simulatorHost: string
  }
}

/** What a process that works needs: nothing of it is missing. */
export interface Config extends Settings {
  readonly secretKey: Secret<Buffer>
  readonly databaseUrl: Secret
}

/** What the API needs besides. */
export interface ApiConfig extends Config {
  readonly api: Settings['api'] & { readonly token: Secret }
}

type Environment = Record<string, string | undefined>

/**
 * Takes over the settings of a `.env` file in the working directory, for a program that a person starts; what the
 * environment has already stays. (`node --env-file-if-exists` would do the same, and say so on every start without one.)
 */
export function loadDotEnv(): void {
  try {
    process.loadEnvFile()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

/** An empty value counts as none, as `NAME=` in a .env file is meant. */
function filled(env: Environment): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : []))
  return Object.fromEntries(entries) as Record<string, string>
}

function unknownVariables(env: Record<string, string>): string[] {
  const known = Object.keys(variables.shape)
  return Object.keys(env)
    .filter((name) => name.startsWith('LFM_') && !known.includes(name))
    .map(
      (name) => `${name}: is not a setting of LFM; did you mean ${nearest(name, known) ?? 'none'}?`,
    )
}

function wrongVariables(env: Record<string, string>, issues: z.core.$ZodIssue[]): string[] {
  // One line for each variable: a value that is no number is also out of range.
  const first = new Map(issues.toReversed().map(({ path, message }) => [String(path[0]), message]))
  return [...first].toReversed().map(([name, message]) => {
    const shown = secretVariables.includes(name) ? '' : `; it is "${env[name] ?? ''}"`
    return `${name}: ${message}${shown}.`
  })
}

function freeze<T extends object>(value: T): Readonly<T> {
  for (const inner of Object.values(value)) {
    if (Object.getPrototypeOf(inner ?? 0) === Object.prototype) Object.freeze(inner)
  }
  return Object.freeze(value)
}

/**
 * Reads the environment alone, for the embedded start, which makes or starts what is not named there.
 * @throws ConfigRefused with all problems.
 */
export function readSettings(env: Environment = process.env): Settings {
  const given = filled(env)
  const parsed = variables.safeParse(given)
  const problems = unknownVariables(given)
  if (!parsed.success) problems.unshift(...wrongVariables(given, parsed.error.issues))

  let temporal: TemporalConfig | undefined
  try {
    temporal = readTemporalConfig(given, parsed.data?.LFM_TEMPORAL_PORT ?? 0)
  } catch (error) {
    problems.push(`TEMPORAL_*: ${error instanceof Error ? error.message : String(error)}.`)
  }
  const named = parsed.success ? readWarehouseConfig(parsed.data) : undefined
  problems.push(...(named?.problems ?? []))
  const warehouse = named?.warehouse
  if (!parsed.success || !temporal || !warehouse || problems.length > 0)
    throw new ConfigRefused(problems)

  const v = parsed.data
  return freeze({
    dataDir: resolve(v.LFM_DATA_DIR),
    logLevel: v.LFM_LOG_LEVEL,
    api: {
      host: v.LFM_API_HOST,
      port: v.LFM_API_PORT,
      token: v.LFM_API_TOKEN === undefined ? undefined : secret(v.LFM_API_TOKEN),
    },
    secretKey: v.LFM_SECRET_KEY && secret(v.LFM_SECRET_KEY),
    databaseUrl: v.DATABASE_URL === undefined ? undefined : secret(v.DATABASE_URL),
    temporal,
    line: {
      named: v.LINE_API_BASE_URL !== undefined,
      baseUrl: v.LINE_API_BASE_URL ?? `http://127.0.0.1:${v.LFM_SIMULATOR_PORT}`,
      deadlineMs: v.LFM_LINE_DEADLINE_MS,
    },
    warehouse,
    keepDays: { plans: v.LFM_KEEP_PLANS_DAYS, logs: v.LFM_KEEP_LOGS_DAYS },
    worker: {
      graceMs: v.LFM_WORKER_GRACE_MS,
      outcomeMergeMs: v.LFM_OUTCOME_MERGE_MS,
      roundDelaysMs: v.LFM_ROUND_DELAYS_MS,
    },
    alerts: {
      afterMs: v.LFM_ALERT_AFTER_MS,
      webhookUrl:
        v.LFM_ALERT_WEBHOOK_URL === undefined ? undefined : secret(v.LFM_ALERT_WEBHOOK_URL),
    },
    embedded: {
      temporalCli: v.LFM_TEMPORAL_CLI,
      temporalPort: v.LFM_TEMPORAL_PORT,
      temporalUiPort: v.LFM_TEMPORAL_UI_PORT,
      postgresPort: v.LFM_POSTGRES_PORT,
      simulatorPort: v.LFM_SIMULATOR_PORT,
      simulatorHost: v.LFM_SIMULATOR_HOST,
    },
  })
}

/** Settings, with what `npm start` left in the data folder where the environment does not name it. */
function withKept(env: Environment): Settings {
  const settings = readSettings(env)
  const { dataDir, embedded } = settings
  const password = readKeptSecret(dataDir, 'postgresPassword')
  // Read again rather than patched, so that a spoilt file in the data folder is found by the same rules.
  return readSettings({
    LFM_SECRET_KEY: readKeptSecret(dataDir, 'secretKey'),
    LFM_API_TOKEN: readKeptSecret(dataDir, 'apiToken'),
    DATABASE_URL: password && embeddedDatabaseUrl(embedded.postgresPort, password),
    ...filled(env),
  })
}

function missing(dataDir: string, found: Record<string, unknown>): ConfigRefused {
  const names = Object.keys(found).filter((name) => found[name] === undefined)
  return new ConfigRefused(
    names.map(
      (name) =>
        `${name}: is not set, and the data folder ${dataDir} has none; set it, or run "npm start" once.`,
    ),
  )
}

/**
 * Reads what the worker and other processes need. What the environment does not name is taken to be the embedded
 * part: Temporal and LINE on their loopback ports, PostgreSQL and the secrets by what `npm start` left in the data folder.
 * @throws ConfigRefused with all problems.
 */
export function readConfig(env: Environment = process.env): Config {
  const settings = withKept(env)
  const { dataDir, databaseUrl, secretKey } = settings
  if (databaseUrl && secretKey) return freeze({ ...settings, databaseUrl, secretKey })
  throw missing(dataDir, { DATABASE_URL: databaseUrl, LFM_SECRET_KEY: secretKey })
}

/**
 * Reads what the API needs: as `readConfig`, and the bearer token.
 * @throws ConfigRefused with all problems.
 */
export function readApiConfig(env: Environment = process.env): ApiConfig {
  const settings = withKept(env)
  const { dataDir, databaseUrl, secretKey, api } = settings
  if (databaseUrl && secretKey && api.token) {
    return freeze({ ...settings, databaseUrl, secretKey, api: { ...api, token: api.token } })
  }
  throw missing(dataDir, {
    DATABASE_URL: databaseUrl,
    LFM_SECRET_KEY: secretKey,
    LFM_API_TOKEN: api.token,
  })
}
