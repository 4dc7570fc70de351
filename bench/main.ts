// `npm run bench -- <name>`: what we claim, measured; one JSON object with its conditions as the last line.
import { join } from 'node:path'
import { loadDotEnv, readSettings } from '../config/env.ts'
import { mostRecipients, readCommandLine, warehouseNamed } from './command-line.ts'
import { deliver, memory } from './deliver.ts'
import { channels } from './channels.ts'
import { kill } from './kill.ts'
import { large } from './large.ts'
import { lifted } from './lifted.ts'
import { mixed } from './mixed.ts'
import { smoothStart } from './start.ts'
import { type Stop, stops } from './stops.ts'
import { warehouse } from './warehouse.ts'

loadDotEnv()

const help = `npm run bench -- <name> [--recipients N] [--seed N]

  deliver [--personalised]  one delivery at LINE's limits: rate, times, memory, CPU (1000000; personalised 60000)
          [--burst-seconds S]  with buckets that hold so many seconds of LINE's rate (1)
          [--warehouse bigquery]  on a simulated BigQuery
          [--profile]          and what the worker spent its time on
  smooth-start              calls answered 429 in the first ten seconds, by 1, 2 and 4 workers, buckets of 0.1 s
  memory                    the worker's peak memory at 1,000,000 and 5,000,000 recipients
  large                     as memory, with times, disk and histories, against 1,000,000 (10000000)
  mixed [--half]            30 % of the bodies shared by ten, on both lanes; at half of LINE's limits or at LINE's (100000)
  lifted                    no limits: the highest rate of one worker and of two, on either lane
  channels                  ten channels at once, each at a rate of its own
  pause [--tries N]         pause and resume N times (20) in one delivery (3000000)
  rate-0 [--tries N]        the same by the channel's rate
  cancel [--tries N]        cancel N deliveries (20) of 500,000
  kill [--tries N]          kill -9 of the worker N times (20), and a new one at once (4000000)
  warehouse [--personalised]
                            BigQuery's driver alone on a simulated BigQuery, at N and 5 N: times, memory, calls (1000000)
`

const { values, positionals } = readCommandLine(
  {
    allowPositionals: true,
    options: {
      recipients: { type: 'string' },
      seed: { type: 'string', default: '1' },
      tries: { type: 'string', default: '20' },
      personalised: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      warehouse: { type: 'string', default: 'duckdb' },
      half: { type: 'boolean', default: false },
      'burst-seconds': { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  },
  help,
)

function wholeNumber(text: string, name: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1 && value <= mostRecipients) return value
  process.stderr.write(`--${name} must be a whole number from 1 to ${mostRecipients}.\n`)
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

const tries = wholeNumber(values.tries, 'tries')
const stopped = (kind: Stop) => stops({ ...common, kind, recipients: recipients(3_000_000), tries })

const benches: Record<string, () => Promise<Record<string, unknown>>> = {
  deliver: () =>
    deliver({
      ...common,
      recipients: recipients(personalised ? 60_000 : 1_000_000),
      warehouse: warehouseNamed(values.warehouse),
      burstSeconds: Number(values['burst-seconds']),
      isProfiled: values.profile,
    }),
  'smooth-start': () => smoothStart(common),
  memory: () => memory({ ...common, recipients: 0 }),
  large: () => large({ ...common, recipients: recipients(10_000_000) }),
  mixed: () =>
    mixed({
      ...common,
      recipients: recipients(100_000),
      rates: values.half ? 'half' : 'full',
    }),
  lifted: () => lifted({ ...common, recipients: { multicast: 3_000_000, push: 200_000 } }),
  channels: () => channels(common),
  pause: () => stopped('pause'),
  'rate-0': () => stopped('rate-0'),
  cancel: () => stopped('cancel'),
  kill: () => kill({ ...common, recipients: recipients(4_000_000), tries }),
  warehouse: () => warehouse({ ...common, recipients: recipients(1_000_000) }),
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
