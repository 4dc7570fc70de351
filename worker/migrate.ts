// `npm run migrate`: brings the database to this version's schema.
import { loadDotEnv, ConfigRefused, readConfig } from '../config/env.ts'
import { migrate, SchemaMismatch } from '../store/migrate.ts'

try {
  loadDotEnv()
  const applied = await migrate(readConfig().databaseUrl.reveal())
  process.stdout.write(
    applied.length === 0 ? 'The schema is up to date.\n' : `Applied ${applied.join(', ')}.\n`,
  )
} catch (error) {
  const isForPeople = error instanceof ConfigRefused || error instanceof SchemaMismatch
  process.stderr.write(`${isForPeople ? error.message : String(error)}\n`)
  process.exit(1)
}
