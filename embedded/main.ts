// `npm start`: starts all parts, prints where they are, and stops them in order on Ctrl-C.
import { join } from 'node:path'
import { keptSecrets } from '../config/data-folder.ts'
import { loadDotEnv } from '../config/env.ts'
import { type Embedded, startEmbedded } from './start.ts'

const say = (line: string) => console.log(line)
const starting = new AbortController()
let embedded: Embedded | undefined
let stoppingSince: number | undefined

/** One Ctrl-C can reach us twice, from the terminal and from npm; only a later one is meant as a second. */
const sameKeyMs = 500

function onSignal(): void {
  if (stoppingSince === undefined) {
    stoppingSince = performance.now()
    say('Stopping in order; Ctrl-C again stops at once.')
    starting.abort(new Error('The start was stopped.'))
    void embedded?.stop().then(() => {
      say('Stopped.')
      process.exit(0)
    })
  } else if (performance.now() - stoppingSince > sameKeyMs) {
    // Every child is killed by this.
    process.exit(130)
  }
}

function announce({ addresses, dataDir }: Embedded): void {
  const { api, temporal, temporalUi, line, simulator, databaseUrl } = addresses
  const shownDatabase = new URL(databaseUrl)
  shownDatabase.password = ''
  say(
    [
      '',
      'LFM is up.',
      `  API           ${api}/api/v1, bearer token in ${join(dataDir, keptSecrets.apiToken)}`,
      `  API docs      ${api}/docs`,
      `  Temporal Web  ${temporalUi ?? `not ours; Temporal is ${temporal}`}`,
      simulator ? `  simulator     ${simulator}` : `  LINE          ${line}`,
      `  PostgreSQL    ${shownDatabase.href}`,
      `  data folder   ${dataDir}`,
      'Ctrl-C stops all of it; what is under way goes on at the next start.',
      '',
    ].join('\n'),
  )
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)

try {
  loadDotEnv()
  embedded = await startEmbedded({ onLog: say, signal: starting.signal })
  if (stoppingSince === undefined) announce(embedded)
  else await embedded.stop()
} catch (error) {
  if (stoppingSince === undefined) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
