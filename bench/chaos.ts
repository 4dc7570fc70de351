// `npm run chaos`: a delivery under faults drawn from a seed; it passes only if nobody is lost and nobody reached twice.
import { join, resolve } from 'node:path'
import { loadDotEnv, readSettings } from '../config/env.ts'
import { kinds } from './chaos/catalog.ts'
import { drawPlan } from './chaos/plan.ts'
import { type RunReport, runSeed, shownPlan } from './chaos/run.ts'
import { parseSeeds, runSeeds } from './chaos/seeds.ts'
import { mostRecipients, readCommandLine } from './command-line.ts'
import { requireLoopback } from './laptop.ts'

loadDotEnv()

const quickScale = 0.05

const help = `npm run chaos -- [--seed S | --seeds 1-60] [--kills N] [--recipients N]

  --seed S        draws the plan; the same seed draws the same one (default 1)
  --seeds 1-60    many, one after another; those that have passed before are left out
  --out FILE      where --seeds keeps a JSON line for each (default chaos/seeds.jsonl in the data folder)
  --kills N       kills of a worker with -9 (default 5)
  --recipients N  (default 60000; 6000 where it is shortened)
  --kinds a,b     draws only from these kinds of faults
  --quick         outages, patience and the delivery at 1/20 of their length; --scale X at another share
  --plan          prints the drawn plan and runs nothing

Kinds: ${kinds.map(({ name }) => name).join(', ')}.

Several can run at once with different seeds. The last line is one JSON object; on a failure its "log" names the file
with every line of every part, and the data folder beside it is kept.
`

const { values } = readCommandLine(
  {
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      kills: { type: 'string', default: '5' },
      recipients: { type: 'string' },
      kinds: { type: 'string' },
      out: { type: 'string' },
      scale: { type: 'string' },
      quick: { type: 'boolean', default: false },
      plan: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  },
  help,
)

/** What a person gave can't be used; shown without a stack. */
class Unusable extends Error {}

function number(name: 'seed' | 'kills' | 'recipients', least: number, byDefault?: number): number {
  const text = values[name]
  const value = text === undefined ? byDefault : Number(text)
  const isWhole = value !== undefined && Number.isSafeInteger(value)
  if (isWhole && value >= least && value <= mostRecipients) return value
  throw new Unusable(`--${name} must be a whole number from ${least} to ${mostRecipients}.`)
}

function scaleOf(): number {
  const value = values.scale === undefined ? (values.quick ? quickScale : 1) : Number(values.scale)
  if (value > 0 && value <= 1) return value
  throw new Unusable('--scale must be above 0 and at most 1.')
}

const say = (line: string) => process.stderr.write(`${line}\n`)

function tell({ seed, passed, failures, seconds, log, repeat }: RunReport): void {
  say(`seed ${seed}: ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
  for (const failure of failures) say(`  ${failure}`)
  if (!passed) say(`  log     ${log}\n  repeat  ${repeat}`)
}

async function chaos(signal: AbortSignal): Promise<boolean> {
  requireLoopback()
  const scale = scaleOf()
  const options = {
    kills: number('kills', 0),
    recipients: number('recipients', 1_000, scale === 1 ? 60_000 : 6_000),
    scale,
    ...(values.kinds !== undefined && { kinds: values.kinds.split(',') }),
  }
  const folder = join(readSettings().dataDir, 'chaos')
  const run = (seed: number) =>
    runSeed({
      ...options,
      seed,
      dataDir: join(folder, `seed-${seed}`),
      env: process.env,
      signal,
      onSay: say,
    })
  if (values.seeds !== undefined) {
    const summary = await runSeeds({
      seeds: parseSeeds(values.seeds),
      out: values.out === undefined ? join(folder, 'seeds.jsonl') : resolve(values.out),
      run,
      isStopped: () => signal.aborted,
      onReport: tell,
    })
    process.stdout.write(`${JSON.stringify(summary)}\n`)
    return summary.passed === summary.seeds
  }
  const seed = number('seed', 0, 1)
  if (values.plan) {
    process.stdout.write(`${JSON.stringify(shownPlan(drawPlan(seed, options)))}\n`)
    return true
  }
  const report = await run(seed)
  tell(report)
  process.stdout.write(`${JSON.stringify(report)}\n`)
  return report.passed
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
      stopping.abort(new Unusable('Stopped.'))
    })
  }
  try {
    process.exitCode = (await chaos(stopping.signal)) ? 0 : 1
  } catch (error) {
    const isForPeople = error instanceof Error && error.name !== 'TypeError'
    say(
      isForPeople && !process.env.DEBUG
        ? error.message
        : String(error instanceof Error ? error.stack : error),
    )
    process.exitCode = 1
  }
}
