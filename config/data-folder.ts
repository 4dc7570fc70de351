// The files of the data folder that hold secrets, made by the embedded start and read by every process.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Names in the data folder; each file has mode 0600. */
export const keptSecrets = {
  secretKey: 'secret-key',
  apiToken: 'api-token',
  postgresPassword: 'postgres-password',
} as const

/** What the file holds, without white space around it; undefined where there is none. */
export function readKeptSecret(
  dataDir: string,
  which: keyof typeof keptSecrets,
): string | undefined {
  try {
    return readFileSync(join(dataDir, keptSecrets[which]), 'utf8').trim() || undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** URL of the embedded PostgreSQL's database. */
export function embeddedDatabaseUrl(port: number, password: string): string {
  return `postgres://lfm:${encodeURIComponent(password)}@127.0.0.1:${port}/lfm`
}
