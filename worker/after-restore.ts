// `node worker/after-restore.ts --backup-taken-at <instant>`: run once after a restore, before anything else is started.
import { parseArgs } from 'node:util'
import { ConfigRefused, loadDotEnv, readConfig } from '../config/env.ts'
import { makeSafeAfterRestore } from '../store/after-restore.ts'
import { SchemaMismatch } from '../store/migrate.ts'

/** A permit's second, and a clock that differs a little. */
const marginMs = 5_000

class Usage extends Error {}

/** The instant that the command line names. @throws Usage */
function backupInstant(): Date {
  const { values } = parseArgs({ options: { 'backup-taken-at': { type: 'string' } } })
  const at = new Date(values['backup-taken-at'] ?? '')
  if (Number.isNaN(at.getTime()) || at.getTime() > Date.now()) {
    throw new Usage('Say when the backup was taken: --backup-taken-at 2026-11-24T03:00:00Z')
  }
  return at
}

try {
  loadDotEnv()
  const takenAt = backupInstant()
  const config = readConfig()
  const deliveries = await makeSafeAfterRestore({
    databaseUrl: config.databaseUrl.reveal(),
    takenAt,
    callsEndInMs: config.line.deadlineMs + marginMs,
  })
  const lines = deliveries.map(({ id, gate }) => `${id} ${gate}`)
  process.stdout.write(
    `${lines.length} open deliveries are held.\n${lines.map((l) => `  ${l}\n`).join('')}`,
  )
} catch (error) {
  const isForPeople =
    error instanceof ConfigRefused || error instanceof SchemaMismatch || error instanceof Usage
  process.stderr.write(`${isForPeople ? error.message : String(error)}\n`)
  process.exit(1)
}
