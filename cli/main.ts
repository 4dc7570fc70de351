// lfm: everything that an operator does, over the API.
import { Command, CommanderError } from 'commander'
import { ConfigRefused, loadDotEnv } from '../config/env.ts'
import { addCampaignCommands } from './campaign.ts'
import { addChannelCommands } from './channel.ts'
import { type Problem } from './api-types.ts'
import { Refused, Unreachable } from './client.ts'
import { addContentCommands } from './content.ts'
import { addDeliveryCommands } from './delivery.ts'
import { addSegmentCommands } from './segment.ts'
import { Usage } from './session.ts'
import { plain } from './text.ts'

/** What the exit code says: 0 done, 1 refused, 2 typed wrongly, 3 the API can't be reached. */
const exitCodes = { refused: 1, usage: 2, unreachable: 3 } as const

const guide = `
A campaign from nothing (npm run lfm -- <command>):
  channel create --line-channel-id 1234567890 --name Shop --channel-secret-file secret.txt
  content create --name Hello --messages messages.json
  segment create --name All --sql all.sql
  campaign create --name Sale --channel <id> --content <id> --segment <id>
  campaign start <id>
  delivery watch <id>

The token is taken from LFM_API_TOKEN, or from the data folder (LFM_DATA_DIR) of "npm start".
Exit codes: 0 done, 1 refused by the API, 2 typed wrongly, 3 the API can't be reached.
With --json, one JSON document is printed: the answer, or the problem (npm run -s keeps npm quiet).`

function createProgram(): Command {
  // Before the commands are added, which inherit it.
  const program = new Command('lfm').exitOverride().showHelpAfterError('(--help tells more)')
  program
    .description('Delivers LINE messages to segments of friends.')
    .option('--api <url>', 'address of the API (default: by LFM_API_HOST and LFM_API_PORT)')
    .option('--json', 'print one JSON document')
    .addHelpText('after', guide)
  addChannelCommands(program)
  addContentCommands(program)
  addSegmentCommands(program)
  addCampaignCommands(program)
  addDeliveryCommands(program)
  return program
}

/** A problem as sentences: the detail, then what is wrong where, without the sentence that stands there already. */
function problemText({ detail, errors = [] }: Problem): string {
  const lines = errors.flatMap((error) => {
    const where = error.pointer ?? error.parameter ?? ''
    const what = error.detail.endsWith(detail)
      ? error.detail.slice(0, -detail.length).replace(/: $/, '')
      : error.detail
    const parts = [where, what].filter((part) => part !== '')
    return parts.length > 0 ? [`  ${parts.join(': ')}`] : []
  })
  return [`Refused: ${detail}`, ...lines].map(plain).join('\n')
}

/** What goes wrong before the API has answered, in the form of its own problem documents; no HTTP status belongs to it. */
type LocalProblem = Pick<Problem, 'type' | 'title' | 'detail'>

function report(error: unknown, json: boolean): number {
  const say = (text: string, document: Problem | LocalProblem) => {
    if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
    else process.stderr.write(`${text}\n`)
  }
  const usage = (detail: string) => ({ type: '/problems/usage', title: 'Typed wrongly', detail })
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    // Commander has said it on stderr, with the usage of the command.
    if (json) say('', usage(error.message.replace(/^error: /, '')))
    return exitCodes.usage
  }
  if (error instanceof Refused) {
    say(problemText(error.document), error.document)
    return exitCodes.refused
  }
  if (error instanceof Unreachable) {
    const { message: detail } = error
    say(detail, { type: '/problems/unreachable', title: "The API can't be reached", detail })
    return exitCodes.unreachable
  }
  if (error instanceof Usage || error instanceof ConfigRefused) {
    say(error.message, usage(error.message))
    return exitCodes.usage
  }
  throw error
}

// A reader that has seen enough, such as head, closes the pipe: that is no failure.
process.stdout.on('error', (error: Error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

const program = createProgram()
try {
  loadDotEnv()
  await program.parseAsync()
} catch (error) {
  // What is typed wrongly before it is not read to there.
  process.exitCode = report(error, process.argv.includes('--json'))
}
