// Many seeds one after another: a JSON line for each in a file, so that it can be continued where it stopped.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type RunReport } from './run.ts'

interface Line {
  seed: number
  passed: boolean
  lost: number | null
  doubled: number | null
  unknown: number | null
  predictedUnknown: { to: number }
  kills: number
  pointsDrawn: number
  pointsHit: number
  seconds: number
}

/** `1-60` or `7,9,20-30`. @throws Error for anything else. */
export function parseSeeds(text: string): number[] {
  const seeds = text.split(',').flatMap((part) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part)
    if (!match) throw new Error(`--seeds must be such as 1-60 or 7,9,20-30; it is "${text}".`)
    const from = Number(match[1])
    const to = Number(match[2] ?? match[1])
    if (to < from) throw new Error(`--seeds must be such as 1-60: "${part}" has no seed.`)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  return [...new Set(seeds)]
}

/** The last line of each seed; a line that a kill cut off is passed over. */
export function readLines(file: string): Map<number, Line> {
  const lines = new Map<number, Line>()
  if (!existsSync(file)) return lines
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    try {
      const line = JSON.parse(text) as Line
      lines.set(line.seed, line)
    } catch {
      // An empty or torn line.
    }
  }
  return lines
}

/** Runs the seeds that have not passed yet; resolves with a summary of all that were asked for. */
export async function runSeeds(options: {
  seeds: number[]
  /** Where the lines are. */
  out: string
  run: (seed: number) => Promise<RunReport>
  isStopped: () => boolean
  onReport: (report: RunReport) => void
}): Promise<Record<string, unknown>> {
  const { seeds, out } = options
  mkdirSync(dirname(out), { recursive: true })
  for (const seed of seeds) {
    if (options.isStopped()) break
    if (readLines(out).get(seed)?.passed) continue
    const report = await options.run(seed)
    if (options.isStopped()) break
    appendFileSync(out, `\n${JSON.stringify(report)}\n`)
    options.onReport(report)
  }
  return summary(seeds, readLines(out), out)
}

function summary(seeds: number[], lines: Map<number, Line>, out: string): Record<string, unknown> {
  const found = seeds.flatMap((seed) => lines.get(seed) ?? [])
  const sum = (of: (line: Line) => number | null) =>
    found.reduce((total, line) => total + (of(line) ?? 0), 0)
  return {
    seeds: seeds.length,
    run: found.length,
    passed: found.filter(({ passed }) => passed).length,
    failed: found.filter(({ passed }) => !passed).map(({ seed }) => seed),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    unknown: sum(({ unknown }) => unknown),
    unknownForeseen: sum(({ predictedUnknown }) => predictedUnknown.to),
    kills: sum(({ kills }) => kills),
    pointsDrawn: sum(({ pointsDrawn }) => pointsDrawn),
    pointsHit: sum(({ pointsHit }) => pointsHit),
    seconds: Math.round(sum(({ seconds }) => seconds)),
    out,
  }
}
