// `npm run temporal-cli`: gets the Temporal CLI where there is none, and prints its path.
import { loadDotEnv, readSettings } from '../config/env.ts'
import { findTemporalCli } from './temporal-cli.ts'

try {
  loadDotEnv()
  const path = await findTemporalCli({
    named: readSettings().embedded.temporalCli,
    // The path alone goes to standard output, so that scripts can use it.
    onProgress: (line) => console.error(line),
  })
  console.log(path)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
