// `npm run bench -- <name>`: what we claim, measured; one JSON object with its conditions as the last line.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadDotEnv, readSettings } from '../config/env.ts'
import { deliver, memory } from './deliver.ts'
import { kill } from './kill.ts'
import { pause } from './pause.ts'

loadDotEnv()

const help = `npm run bench -- <name> [--recipients N] [--seed N]

  deliver [--personalised]  one delivery at LINE's limits: rate, times, memory, CPU (1000000; personalised 60000)
  memory                    the worker's peak memory at 1,000,000 and 5,000,000 recipients
  pause [--tries N]         pause and resume N times (20) in one delivery (3000000)
  kill                      kill -9 of the worker in mid-delivery, and a new one at once (1000000)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    recipients: { type: 'string' },
    seed: { type: 'string', default: '1' },
    tries: { type: 'string', default: '20' },
    personalised: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function wholeNumber(text: string, name: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  process.stderr.write(`--${name} must be a whole number of at least 1.\n`)
  process.exit(2)
}

const { personalised } = values
const common = {
  dataDir: join(readSettings().dataDir, 'bench'),
  seed: wholeNumber(values.seed, 'seed'),
  personalised,
}
const recipients = (byDefault: number) =>
  values.recipients === undefined ? byDefault : wholeNumber(values.recipients, 'recipients')

const benches: Record<string, () => Promise<Record<string, unknown>>> = {
  deliver: () => deliver({ ...common, recipients: recipients(personalised ? 60_000 : 1_000_000) }),
  memory: () => memory({ ...common, recipients: 0 }),
  pause: () =>
    pause({
      ...common,
      recipients: recipients(3_000_000),
      tries: wholeNumber(values.tries, 'tries'),
    }),
  kill: () => kill({ ...common, recipients: recipients(1_000_000) }),
}

const bench = benches[positionals[0] ?? '']
if (values.help || !bench) {
  process.stdout.write(help)
  process.exitCode = values.help ? 0 : 2
} else {
  const result = await bench().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  if (result.addsUp === false || result.lost || result.doubled) process.exitCode = 1
}
