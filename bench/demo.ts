// `npm run demo`: two campaigns delivered end to end on this machine, and checked to the last recipient.
import { join } from 'node:path'
import { MultiBar } from 'cli-progress'
import { ConfigRefused, loadDotEnv, readSettings } from '../config/env.ts'
import { mostRecipients, readCommandLine, warehouseNamed } from './command-line.ts'
import {
  createCampaign,
  createChannel,
  type Delivery,
  hasEnded,
  judge,
  type Order,
  startCampaign,
  type Verdict,
  waitFor,
} from './deliveries.ts'
import { openLaptop } from './laptop.ts'

loadDotEnv()

const help = `npm run demo -- [--recipients N] [--seed N] [--warehouse NAME] [--json] [--keep]

  --recipients N    friends in the sample warehouse (default 100000)
  --seed N          another sample; the same seed makes the same one (default 1)
  --warehouse NAME  duckdb, or bigquery: a simulated BigQuery on this machine (default duckdb)
  --json            one JSON object as the last line instead of the tables
  --keep            leaves everything running until Ctrl-C
`

const { values } = readCommandLine(
  {
    options: {
      recipients: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      warehouse: { type: 'string', default: 'duckdb' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  },
  help,
)

const orders: Order[] = [
  {
    name: 'Autumn sale',
    messages: [{ type: 'text', text: 'The autumn sale begins today. Have a look!' }],
    sql: `SELECT user_id FROM friends WHERE prefecture <> 'Hokkaido'`,
  },
  {
    name: 'Thank you',
    messages: [{ type: 'text', text: 'Hello {{ title }}! Your {{ rank }} coupon: {{ coupon }}' }],
    // Gold members get a coupon of their own and are pushed; the others share theirs and go by multicast.
    // Written so that DuckDB and GoogleSQL read the same in it.
    sql: `SELECT f.user_id, f.rank,
  CASE f.rank WHEN 'gold' THEN f.name ELSE 'friend' END AS title,
  CASE f.rank WHEN 'gold' THEN 'GOLD-' || CAST(f.points AS STRING) || '-' || right(f.user_id, 4) ELSE upper(f.rank) || '-2026' END AS coupon
FROM friends f JOIN purchases p USING (user_id)
WHERE p.purchased_on >= DATE '2026-08-01'`,
  },
]

function wholeNumber(name: 'recipients' | 'seed', least: number): number {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= least && value <= mostRecipients) return value
  process.stderr.write(`--${name} must be a whole number from ${least} to ${mostRecipients}.\n`)
  process.exit(2)
}

const say = (line = '') => {
  if (!values.json) process.stdout.write(`${line}\n`)
}

const number = (value: number | null) => (value === null ? 'n/a' : value.toLocaleString('en'))

function printAccount(delivery: Delivery, name: string, verdict: Verdict): void {
  const { planned, accepted, rejected, unknown, skipped, unsent, once, lost, doubled } = verdict
  const audience = delivery.plan?.audience
  say(`\n${name}: ${delivery.state}`)
  say(
    `  segment   ${number(audience?.segmentRows ?? 0)} rows, of these ${number(audience?.malformed ?? 0)} malformed, ${number(audience?.duplicates ?? 0)} duplicates`,
  )
  say(
    `  requests  ${number(delivery.plan?.requests.multicast ?? 0)} multicast, ${number(delivery.plan?.requests.push ?? 0)} push`,
  )
  say(
    `  account   ${number(planned)} planned = ${number(accepted)} accepted + ${number(rejected)} rejected + ${number(unknown)} unknown + ${number(skipped)} skipped + ${number(unsent)} unsent${verdict.addsUp ? '' : '   DOES NOT ADD UP'}`,
  )
  say(
    `  received  ${number(once)} once, ${number(doubled)} twice, ${number(lost)} never (what the simulated LINE counted)`,
  )
}

function progressBars() {
  const bars = new MultiBar({
    format: '{name} {bar} {percentage}%  {value}/{total}  {state}',
    hideCursor: true,
    clearOnComplete: false,
    stream: process.stderr,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    noTTYOutput: true,
    notTTYSchedule: 5_000,
  })
  return {
    bar(name: string) {
      const bar = values.json ? undefined : bars.create(0, 0, { name: name.padEnd(12), state: '' })
      return (delivery: Delivery) => {
        const { planned, accepted, rejected, unknown, skipped, unsent } = delivery.progress
        bar?.setTotal(planned)
        bar?.update(accepted + rejected + unknown + skipped + unsent, { state: delivery.state })
      }
    },
    stop: () => bars.stop(),
  }
}

async function untilAsked(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
}

async function demo(signal: AbortSignal): Promise<boolean> {
  const recipients = wholeNumber('recipients', 1)
  const seed = wholeNumber('seed', 0)
  const { dataDir } = readSettings()
  const kind = warehouseNamed(values.warehouse)
  say(
    `Starting Temporal, PostgreSQL, a simulated LINE, ${kind === 'bigquery' ? 'a simulated BigQuery, ' : ''}a worker and the API; ${number(recipients)} friends…`,
  )
  const laptop = await openLaptop({
    dataDir: join(dataDir, 'demo'),
    recipients,
    seed,
    warehouse: kind,
    latencyMs: 50,
    signal,
    onLog: (line) => {
      // The Temporal CLI may take minutes to build: that is the one thing worth saying here.
      if (/Temporal CLI/.test(line)) process.stderr.write(`${line}\n`)
    },
  })
  const { client, line, embedded } = laptop
  try {
    const channel = await createChannel(client, 'Demo channel')
    const campaigns = await Promise.all(
      orders.map((order) => createCampaign(client, channel.id, order)),
    )
    const startedAt = Date.now()
    const bars = progressBars()
    const deliveries = await Promise.all(
      campaigns.map(async ({ id, name }) => {
        const started = await startCampaign(client, id)
        const onLook = bars.bar(name)
        const isOver = (delivery: Delivery) => hasEnded(delivery) || signal.aborted
        return waitFor(client, started.id, isOver, onLook)
      }),
    )
    bars.stop()
    if (signal.aborted) return false
    const seconds = (Date.now() - startedAt) / 1000
    const verdicts: Verdict[] = []
    for (const [i, delivery] of deliveries.entries()) {
      const verdict = await judge(client, line, delivery)
      verdicts.push(verdict)
      printAccount(delivery, campaigns[i]?.name ?? '', verdict)
    }
    const sum = (term: keyof Omit<Verdict, 'addsUp'>) =>
      verdicts.some((verdict) => verdict[term] === null)
        ? null
        : verdicts.reduce((total, verdict) => total + (verdict[term] ?? 0), 0)
    const accepted = sum('accepted') ?? 0
    const result = {
      recipients,
      planned: sum('planned'),
      accepted,
      rejected: sum('rejected'),
      unknown: sum('unknown'),
      skipped: sum('skipped'),
      unsent: sum('unsent'),
      lost: sum('lost'),
      doubled: sum('doubled'),
      seconds: Math.round(seconds * 10) / 10,
      recipientsPerSecond: Math.round(accepted / seconds),
    }
    const { addresses } = embedded
    say(`\n${number(accepted)} recipients in ${result.seconds} s.`)
    say(`Temporal Web  ${addresses.temporalUi ?? addresses.temporal}`)
    say(`API docs      ${addresses.api}/docs`)
    if (!values.keep) say('(both end with the demo; `npm run demo -- --keep` leaves them running)')
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    if (values.keep) {
      say(`Bearer token  in ${join(embedded.dataDir, 'api-token')}\nCtrl-C stops everything.`)
      await untilAsked(signal)
    }
    return (
      verdicts.every((verdict) => verdict.addsUp) &&
      !result.lost &&
      !result.doubled &&
      result.unknown === 0
    )
  } finally {
    if (!values.json) process.stderr.write('Stopping…\n')
    await embedded.stop()
  }
}

if (values.help) {
  process.stdout.write(help)
} else {
  const stopping = new AbortController()
  let asked = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // npm may repeat a Ctrl-C; a third one is a person's.
      if (++asked > 2) process.exit(130)
      stopping.abort()
    })
  }
  try {
    process.exitCode = (await demo(stopping.signal)) ? 0 : 1
  } catch (error) {
    const isForPeople =
      error instanceof Error && (error instanceof ConfigRefused || error.name !== 'Error')
    process.stderr.write(
      `${isForPeople ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    )
    process.exitCode = 1
  }
}
