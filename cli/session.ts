// What every command works with: the client of the API, and the way its answer is printed.
import { type Command } from 'commander'
import { readKeptSecret } from '../config/data-folder.ts'
import { readSettings } from '../config/env.ts'
import { createClient, type Client } from './client.ts'

/** The command line can't be carried out as it was typed; the message says what to type. */
export class Usage extends Error {
  override readonly name = 'Usage'
}

export interface Session {
  client: Client
  /** Whether one JSON document is printed in place of text for people. */
  json: boolean
  /** Prints an answer: as it is with --json, else as the text that is made of it. */
  readonly print: <T>(answer: T, asText: (answer: T) => string) => void
}

function addressOf(given: string | undefined, host: string, port: number): string {
  if (given !== undefined) {
    if (!/^https?:$/.test(URL.parse(given)?.protocol ?? '')) {
      throw new Usage(`--api must be a URL such as http://127.0.0.1:8787, not "${given}".`)
    }
    return given.replace(/\/+$/, '')
  }
  // An API that listens everywhere is called here.
  const callable = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? host
  return `http://${callable}:${port}`
}

/** Opens the session of a command, from its options, the environment and the data folder. */
export function openSession(command: Command): Session {
  const { api, json = false } = command.optsWithGlobals<{ api?: string; json?: boolean }>()
  const settings = readSettings()
  const baseUrl = addressOf(api, settings.api.host, settings.api.port)
  const token = settings.api.token?.reveal() ?? readKeptSecret(settings.dataDir, 'apiToken')
  if (token === undefined) {
    throw new Usage(
      `There is no API token: set LFM_API_TOKEN, or LFM_DATA_DIR to the data folder in which "npm start" made one (${settings.dataDir} has none).`,
    )
  }
  return {
    client: createClient({ baseUrl, token }),
    json,
    print(answer, asText) {
      process.stdout.write(`${json ? JSON.stringify(answer, null, 2) : asText(answer)}\n`)
    },
  }
}
