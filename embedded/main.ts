// `npm start`: starts all parts, prints where they are, and stops them in order on Ctrl-C.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { keptSecrets } from '../config/data-folder.ts'
import { loadDotEnv } from '../config/env.ts'
import { type Embedded, startEmbedded } from './start.ts'

const help = `npm start -- [--without-workers]

Starts every part that the environment does not name elsewhere, and stops them in order on Ctrl-C.

  --without-workers   start everything but workers: nothing is sent, whatever is open. For what must be done
                      before the first call, as after PostgreSQL was restored from a backup.
`

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

/** What the command line wants; undefined where it only asks for help, or can't be understood. */
function readCommandLine(): { hasWorkers: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        'without-workers': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (!values.help) return { hasWorkers: !values['without-workers'] }
    process.stdout.write(help)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    process.exitCode = 1
  }
  return undefined
}

function announce({ addresses, dataDir }: Embedded, hasWorkers: boolean): void {
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
      ...(hasWorkers ? [] : ['No worker runs, as was asked for: nothing is sent.']),
      'Ctrl-C stops all of it; what is under way goes on at the next start.',
      '',
    ].join('\n'),
  )
}

async function start(hasWorkers: boolean): Promise<void> {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  try {
    loadDotEnv()
    const processes = hasWorkers ? {} : { worker: 0 }
    embedded = await startEmbedded({ processes, onLog: say, signal: starting.signal })
    if (stoppingSince === undefined) announce(embedded, hasWorkers)
    else await embedded.stop()
  } catch (error) {
    if (stoppingSince === undefined) {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
  }
}

const wanted = readCommandLine()
if (wanted) await start(wanted.hasWorkers)
