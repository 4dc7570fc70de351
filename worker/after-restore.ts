// `node worker/after-restore.ts --backup-taken-at <instant>`: run once after a restore, before anything else is started.
import { parseArgs } from 'node:util'
import { ConfigRefused, loadDotEnv, readConfig } from '../config/env.ts'
import { makeSafeAfterRestore } from '../store/after-restore.ts'
import { SchemaMismatch } from '../store/migrate.ts'

/** A permit's second, and a clock that differs a little. */
const marginMs = 5_000

class Usage extends Error {}

const help = `npm run after-restore -- --backup-taken-at 2026-11-24T03:00:00Z

After PostgreSQL was restored from a backup, with all workers and APIs stopped: pauses every open delivery, and notes
that calls since the backup may have been made. If in doubt, give an earlier instant. See docs/runbook.md.
`

/** The instant that the command line names; undefined where it asks for help. @throws Usage */
function backupInstant(): Date | undefined {
  const text = commandLine()
  if (text === undefined) return undefined
  const at = new Date(text)
  if (Number.isNaN(at.getTime()))
    throw new Usage(`Say when the backup was taken, in UTC.\n\n${help}`)
  if (at.getTime() > Date.now()) throw new Usage(`${at.toISOString()} is in the future.\n\n${help}`)
  return at
}

function commandLine(): string | undefined {
  try {
    const { values } = parseArgs({
      options: { 'backup-taken-at': { type: 'string', default: '' }, help: { type: 'boolean' } },
    })
    return values.help ? undefined : values['backup-taken-at']
  } catch (error) {
    throw new Usage(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
  }
}

async function run(takenAt: Date): Promise<void> {
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
}

try {
  loadDotEnv()
  const takenAt = backupInstant()
  if (takenAt) await run(takenAt)
  else process.stdout.write(help)
} catch (error) {
  const isForPeople =
    error instanceof ConfigRefused || error instanceof SchemaMismatch || error instanceof Usage
  process.stderr.write(`${isForPeople ? error.message : String(error)}\n`)
  process.exit(1)
}
