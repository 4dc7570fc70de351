// Every variable of the environment that LFM reads: its form, its default and one line of meaning.
import { z } from 'zod'

const wholeNumber = (from: number, to: number, what: string) => {
  const error = `must be ${what}, a whole number from ${from} to ${to}`
  return z
    .string()
    .regex(/^\d{1,9}$/, { error, abort: true })
    .transform(Number)
    .pipe(z.number({ error }).min(from, error).max(to, error))
}

const port = () => wholeNumber(0, 65_535, 'a port (0 takes any free one)')
const days = (from: number) => wholeNumber(from, 36_500, 'a number of days')
const milliseconds = (from: number, to: number) => wholeNumber(from, to, 'a number of milliseconds')

const url = (protocols: string[], what: string) =>
  z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), {
    error: `must be ${what}`,
  })

const key32Bytes = z
  .string()
  .refine((text) => parseKey(text) !== undefined, {
    error: 'must be 32 bytes written in base64 or hex; make one with "openssl rand -base64 32"',
  })
  .transform((text) => parseKey(text) ?? Buffer.alloc(0))

function parseKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64')
  return key.length === 32 ? key : undefined
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

/** The schema of LFM's own variables; each description is the line of `.env.example`. */
export const variables = z.object({
  LFM_DATA_DIR: z
    .string()
    .prefault('.lfm')
    .describe('Folder of everything that the embedded parts keep, and of the DuckDB warehouse.'),
  LFM_API_HOST: z
    .string()
    .prefault('127.0.0.1')
    .describe('Address that the API listens on; 0.0.0.0 opens it to other machines.'),
  LFM_API_PORT: port().prefault('8787').describe('Port of the API and its documentation.'),
  LFM_API_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters; make one with "openssl rand -hex 24"')
    .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')
    .optional()
    .describe('Bearer token that the API lets in; npm start makes one in the data folder.'),
  LFM_SECRET_KEY: key32Bytes
    .optional()
    .describe(
      'Key that channel secrets are sealed with, 32 bytes in base64 or hex; npm start makes one in the data folder.',
    ),
  LFM_WAREHOUSE: z
    .enum(['duckdb', 'bigquery'], { error: 'must be duckdb or bigquery' })
    .prefault('duckdb')
    .describe('Where segments are cut and outcomes kept: duckdb or bigquery.'),
  LFM_WAREHOUSE_MEMORY: z
    .string()
    .regex(
      /^\d+(\.\d+)? ?([KMG]i?B)$/,
      'must be an amount of memory with its unit, such as 128MB or 1GiB',
    )
    .prefault('128MB')
    .describe('Memory that DuckDB may use in each process before it spills to disk.'),
  LFM_BIGQUERY_PROJECT: z
    .string()
    .regex(/^[a-z0-9.:-]{4,100}$/, 'must be the id of a Google Cloud project, such as shop-line')
    .optional()
    .describe('Google Cloud project that BigQuery jobs run in and the dataset lies in.'),
  LFM_BIGQUERY_LOCATION: z
    .string()
    .regex(/^[A-Za-z]+(-[a-z]+\d+)?$/, 'must be a location of BigQuery, such as asia-northeast1')
    .optional()
    .describe('Location of the dataset and of all that segments read, such as asia-northeast1.'),
  LFM_BIGQUERY_DATASET: z
    .string()
    .regex(/^\w{1,200}$/, 'must be the name of a dataset: letters, digits and _')
    .optional()
    .describe('Dataset that LFM keeps plans, outcomes and logs in; bare table names mean it.'),
  LFM_BIGQUERY_MAXIMUM_BYTES_BILLED: z
    .string()
    .regex(/^[1-9]\d{6,14}$/, 'must be a number of bytes, at least 1000000')
    .prefault('107374182400')
    .transform(Number)
    .describe(
      'Most bytes that one query may be billed for; a segment that would read more is refused.',
    ),
  LFM_BIGQUERY_READ_BY: z
    .enum(['list', 'query'], { error: 'must be list or query' })
    .prefault('list')
    .describe(
      'How batches are read: list (free, by partition) or query (billed, 10 MB at least each).',
    ),
  LFM_BIGQUERY_API_ENDPOINT: url(['http:', 'https:'], 'a URL such as http://127.0.0.1:9050')
    .transform((text) => text.replace(/\/+$/, ''))
    .optional()
    .describe(
      "Another BigQuery than Google's, such as the simulator; on loopback without credentials.",
    ),
  LFM_KEEP_PLANS_DAYS: days(2)
    .prefault('30')
    .describe(
      'Days after its end that a delivery keeps plan and parts; then it cannot be retried.',
    ),
  LFM_KEEP_LOGS_DAYS: days(31)
    .optional()
    .describe('Days that rows of delivery_log and click_log are kept; for ever when not set.'),
  LFM_TEMPORAL_CLI: z
    .string()
    .optional()
    .describe('Path of a Temporal CLI to run the dev server with; found by itself when not set.'),
  LFM_TEMPORAL_PORT: port()
    .prefault('7233')
    .describe('Port of the embedded Temporal dev server (gRPC).'),
  LFM_TEMPORAL_UI_PORT: port().prefault('8233').describe('Port of the embedded Temporal Web.'),
  LFM_POSTGRES_PORT: port().prefault('5439').describe('Port of the embedded PostgreSQL.'),
  LFM_SIMULATOR_PORT: port().prefault('8790').describe('Port of the simulator of LINE.'),
  LFM_SIMULATOR_HOST: z
    .string()
    .prefault('127.0.0.1')
    .describe('Address that the simulator listens on; 0.0.0.0 opens it to other machines.'),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'a URL such as postgres://user@host:5432/lfm')
    .optional()
    .describe('PostgreSQL to use in place of the embedded one.'),
  LINE_API_BASE_URL: url(['http:', 'https:'], 'a URL such as https://api.line.me')
    .transform((text) => text.replace(/\/+$/, ''))
    .optional()
    .describe('LINE to use in place of the simulator: https://api.line.me sends for real.'),
  LFM_LINE_DEADLINE_MS: milliseconds(100, 600_000)
    .prefault('10000')
    .describe('Time after which a call to LINE is given up and its socket closed.'),
  LFM_LOG_LEVEL: z
    .enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` })
    .prefault('info')
    .describe(`Least severe log line that is written: ${logLevels.join(', ')}.`),
  LFM_WORKER_GRACE_MS: milliseconds(0, 3_600_000)
    .prefault('25000')
    .describe('Time that a worker told to stop has to finish and record what is under way.'),
  LFM_OUTCOME_MERGE_MS: milliseconds(0, 60_000)
    .prefault('2000')
    .describe('Time over which outcomes of a delivery are gathered before they are merged.'),
  LFM_ROUND_DELAYS_MS: z
    .string()
    .regex(/^\d{1,8}(,\d{1,8})*$/, 'must be numbers of milliseconds with commas between them')
    .prefault('60000,300000,900000,3600000')
    .transform((text) => text.split(',').map(Number))
    .describe(
      'Waits before each further round of what LINE has not answered; the last is repeated.',
    ),
  LFM_ALERT_AFTER_MS: milliseconds(1_000, 86_400_000)
    .prefault('300000')
    .describe('Time without progress after which an alert is raised for a delivery.'),
  LFM_ALERT_WEBHOOK_URL: url(['http:', 'https:'], 'a URL such as https://alerts.example.com/lfm')
    .optional()
    .describe('Where alerts are posted to as JSON; nowhere when not set.'),
})

/** Variables whose value no message shows. */
export const secretVariables: readonly string[] = [
  'LFM_API_TOKEN',
  'LFM_SECRET_KEY',
  'DATABASE_URL',
  'LFM_ALERT_WEBHOOK_URL',
]

/**
 * The variables of Temporal's own client configuration, read by @temporalio/envconfig;
 * `TEMPORAL_GRPC_META_*` come besides. https://docs.temporal.io/develop/environment-configuration
 */
export const temporalVariables: Readonly<Record<string, string>> = {
  TEMPORAL_ADDRESS: 'Temporal to use in place of the embedded dev server, as host:port.',
  TEMPORAL_NAMESPACE: 'Namespace in it; "default" when not set.',
  TEMPORAL_API_KEY: 'API key, for Temporal Cloud.',
  TEMPORAL_CONFIG_FILE: 'A temporal.toml to take the connection from; read only when named here.',
  TEMPORAL_PROFILE: 'Profile in the temporal.toml; naming one reads the default file.',
  TEMPORAL_TLS: 'true or false: whether to use TLS.',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'File of the client certificate, PEM.',
  TEMPORAL_TLS_CLIENT_CERT_DATA: 'The client certificate itself, PEM.',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'File of the key of the client certificate, PEM.',
  TEMPORAL_TLS_CLIENT_KEY_DATA: 'The key itself, PEM.',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: "File of the server's CA certificate, PEM.",
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: "The server's CA certificate itself, PEM.",
  TEMPORAL_TLS_SERVER_NAME: "Server name to expect in the server's certificate.",
}
