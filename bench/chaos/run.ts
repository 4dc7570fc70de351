// One chaos run: the plan of a seed is drawn, carried out on a whole system, and judged.
import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { conditions, round } from '../conditions.ts'
import { type Delivery } from '../deliveries.ts'
import { emptyFolder } from '../laptop.ts'
import { expectedOf } from './audience.ts'
import { type DrawnFault } from './fault.ts'
import { type ChaosPlan, drawPlan, type PlanOptions } from './plan.ts'
import { watchPauses } from './pauses.ts'
import { type ChaosSystem, openSystem } from './system.ts'
import { type Findings, judgeRun } from './verdict.ts'

export interface RunOptions extends PlanOptions {
  seed: number
  /** Wiped first. */
  dataDir: string
  env: Record<string, string | undefined>
  signal: AbortSignal
  /** Told in one line what happens; default nobody. */
  onSay?: (line: string) => void
}

interface PointReport {
  kind: string
  at: number | 'own'
  /** Seconds since the delivery was started; null where the fault did not come to pass. */
  hitAtSeconds: number | null
  note: string
}

export interface RunReport extends Findings {
  seed: number
  passed: boolean
  plan: Record<string, unknown>
  predictedUnknown: { from: number; to: number; because: string[] }
  points: PointReport[]
  pointsDrawn: number
  pointsHit: number
  state: string | null
  /** Of a worker, with -9. */
  kills: number
  killsByPart: Record<string, number>
  /** Resumes that the plan foresees. */
  operatorSteps: number
  seconds: number
  repeat: string
  log: string
  conditions: Record<string, unknown>
}

/** Base length of LINE's answers. */
const latencyMs = 50
/** At full length: LINE's deadline is the product's default, waits for rounds are shorter, so that a run ends in minutes. */
const fullSettings = { deadlineMs: 10_000, roundDelaysMs: [20_000, 40_000, 60_000] }
const shortestDeadlineMs = 1_500
/** A run that takes longer has come to a standstill. */
const patienceMs = { full: 2_400_000, least: 180_000 }
/** For faults that come to their end after the delivery has. */
const graceMs = 90_000

function settingsFor(scale: number): Record<string, string> {
  return {
    LFM_LINE_DEADLINE_MS: String(
      Math.max(shortestDeadlineMs, Math.round(fullSettings.deadlineMs * scale)),
    ),
    LFM_ROUND_DELAYS_MS: fullSettings.roundDelaysMs.map((ms) => Math.round(ms * scale)).join(),
  }
}

/** The environment without parts of somebody else's: chaos kills none but its own. */
function ownEnv(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const named = /^(TEMPORAL_|DATABASE_URL$|LFM_(API|WORKER|OUTCOME|ALERT)_)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !named.test(name)))
}

export function shownPlan({ faults, ...plan }: ChaosPlan): Record<string, unknown> {
  return {
    ...plan,
    faults: faults.map(({ kind, at, params }) => ({ kind, at, ...params })),
  }
}

/** Carries out the plan of a seed; rejects only where the system can't be started or the signal aborts. */
export async function runSeed(options: RunOptions): Promise<RunReport> {
  const { seed, dataDir } = options
  const plan = drawPlan(seed, options)
  const startedAt = performance.now()
  const sinceStart = () => round((performance.now() - startedAt) / 1_000)
  await emptyFolder(dataDir)
  mkdirSync(dataDir, { recursive: true })
  const logFile = join(dataDir, 'chaos.log')
  const log = createWriteStream(logFile)
  const say = (line: string) => void log.write(`${new Date().toISOString()} ${line}\n`)
  const tell = (line: string) => {
    say(`chaos     ${line}`)
    options.onSay?.(`${sinceStart()} s  ${line}`)
  }
  tell(`seed ${seed}: ${JSON.stringify(shownPlan(plan))}`)
  const patience = Math.max(patienceMs.least, patienceMs.full * plan.scale)
  const givenUp = AbortSignal.timeout(patience)
  const signal = AbortSignal.any([options.signal, givenUp])
  try {
    const system = await openSystem({
      plan,
      dataDir,
      env: ownEnv(options.env),
      settings: settingsFor(plan.scale),
      latencyMs,
      signal,
      say,
    })
    try {
      return { ...(await carryOut(system, tell)), seconds: sinceStart(), ...about() }
    } finally {
      await system.stop()
    }
  } finally {
    await new Promise((resolve) => log.end(resolve))
  }

  function about() {
    const { recipients, kills, scale } = plan
    const quick = scale === 1 ? '' : ` --scale ${scale}`
    const kinds = options.kinds ? ` --kinds ${options.kinds.join()}` : ''
    return {
      repeat: `npm run chaos -- --seed ${seed} --kills ${kills} --recipients ${recipients}${quick}${kinds}`,
      log: logFile,
      conditions: conditions({ latencyMs, ...settingsFor(plan.scale), scale }),
    }
  }
}

type Carried = Omit<RunReport, 'seconds' | 'repeat' | 'log' | 'conditions'>

async function carryOut(system: ChaosSystem, tell: (line: string) => void): Promise<Carried> {
  const { plan, parts, signal } = system
  const points: PointReport[] = []
  const since = performance.now()
  for (const fault of plan.faults) await fault.prepare(system)
  const running = plan.faults.map((fault) => meet(fault))
  const pauses = watchPauses(system, tell)
  let delivery: Delivery | undefined
  const failures: string[] = []
  try {
    const id = await system.start(system.campaignId)
    tell(`delivery ${id} is started`)
    delivery = await system.watch(pauses.look)
    tell(`it has ended: ${delivery.state}`)
    const late = AbortSignal.timeout(graceMs)
    const lateness = new Promise((resolve) => late.addEventListener('abort', resolve))
    await Promise.race([Promise.all(running), lateness])
  } catch (error) {
    if (!signal.aborted || isByHand(signal)) throw error
    failures.push(`The run came to no end; ${system.last()?.state ?? 'nothing'} was seen last.`)
  }
  const expected = expectedOf(plan, system.foreseen())
  const found =
    delivery && signal.aborted === false
      ? await judgeRun(system, delivery, expected)
      : { account: null, lost: null, doubled: null, unknown: null, violations: {}, failures: [] }
  failures.push(...found.failures, ...pauses.failures())
  failures.push(...parts.accidents())
  const missed =
    plan.faults.length - points.filter(({ hitAtSeconds }) => hitAtSeconds !== null).length
  if (missed > 0) failures.push(`${missed} faults did not come to pass at their point.`)
  const kills = parts.kills()
  return {
    seed: plan.seed,
    passed: failures.length === 0,
    ...found,
    failures,
    plan: shownPlan(plan),
    predictedUnknown: expected.unknown,
    points,
    pointsDrawn: plan.faults.length,
    pointsHit: plan.faults.length - missed,
    state: delivery?.state ?? null,
    kills: kills.worker ?? 0,
    killsByPart: kills,
    operatorSteps: pauses.foreseen(),
  }

  /** Waits for the fault's point, lets it happen, and notes how it went. */
  async function meet(fault: DrawnFault): Promise<void> {
    const { kind, at } = fault
    if (at !== 'own') system.pending.add(fault)
    try {
      if (at !== 'own') {
        await system.deliveryId
        await system.until(`${at * 100} % of the requests`, async () => {
          return (await system.share(fault.lane)) >= at
        })
      }
      tell(`${kind} begins ${JSON.stringify(fault.params)}`)
      const note = await fault.run(system)
      tell(`${kind} is over: ${note}`)
      points.push({ kind, at, hitAtSeconds: round((performance.now() - since) / 1_000), note })
    } catch (error) {
      const note = error instanceof Error ? error.message : String(error)
      tell(`${kind} FAILED: ${note}`)
      points.push({ kind, at, hitAtSeconds: null, note })
    } finally {
      system.pending.delete(fault)
    }
  }
}

const isByHand = (signal: AbortSignal) =>
  !(signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError')
