// Makes the secrets of an embedded start in the data folder, each once.
import { randomBytes } from 'node:crypto'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptSecrets, readKeptSecret } from '../config/data-folder.ts'

/** The data folder can't be used as it is; the message says what to do. */
export class DataFolderRefused extends Error {
  override readonly name = 'DataFolderRefused'
}

/** What the file of that secret holds; made where there is none. */
function keep(dataDir: string, which: keyof typeof keptSecrets, make: () => string): string {
  const kept = readKeptSecret(dataDir, which)
  if (kept !== undefined) return kept
  const value = make()
  const file = join(dataDir, keptSecrets[which])
  // Flushed before it gets its name: what is sealed with a key that a power cut takes away is lost.
  writeFileSync(`${file}.new`, `${value}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
  return value
}

/** Base64 of 32 bytes. */
export function keepSecretKey(dataDir: string): string {
  return keep(dataDir, 'secretKey', () => randomBytes(32).toString('base64'))
}

export function keepApiToken(dataDir: string): string {
  return keep(dataDir, 'apiToken', () => randomBytes(24).toString('hex'))
}

/** @throws DataFolderRefused where PostgreSQL's folder is there and its password is gone. */
export function keepPostgresPassword(dataDir: string): string {
  return keep(dataDir, 'postgresPassword', () => {
    if (existsSync(join(dataDir, 'postgres'))) {
      throw new DataFolderRefused(
        `${join(dataDir, keptSecrets.postgresPassword)} is missing, and nobody can use ${join(dataDir, 'postgres')} without it: put the file back, or remove that folder with all that it holds.`,
      )
    }
    return randomBytes(24).toString('hex')
  })
}
