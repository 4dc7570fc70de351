// What a process spent its time on, from the CPU profiles that Node writes when it ends.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { z } from 'zod'
import { round } from './conditions.ts'

const root = join(import.meta.dirname, '..')
const mostShown = 15

/** Of the file that `node --cpu-prof` writes, what is read here. */
const profileFile = z.object({
  startTime: z.number(),
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

type CallFrame = z.infer<typeof profileFile>['nodes'][number]['callFrame']

/** By the clock of `process.hrtime`, in microseconds, which is the profiler's on Linux. */
export interface Window {
  fromMicros: number
  toMicros: number
}

export interface ProfileSummary {
  /** Of the threads that run JavaScript, while they did not wait. */
  busySeconds: number
  /** Percent of that by room, package, or what V8 and Node do themselves; most first. */
  byPlace: Record<string, number>
  /** The same by function. */
  byFunction: Record<string, number>
}

/** Node options that make a process leave its profiles in a folder when it ends in order. */
export const profiling = (folder: string) => `--cpu-prof --cpu-prof-dir=${folder}`

/** A room of LFM, a package, `node` for its own JavaScript, `(native)` for what that calls, or V8's own word. */
function placeOf({ functionName, url }: CallFrame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)'
  if (url.startsWith('node:')) return 'node'
  const path = url.replace(/^file:\/\//, '')
  const packageName = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  if (packageName) return packageName
  const inRoot = relative(root, path)
  return inRoot.startsWith('..') ? path : (inRoot.split(sep)[0] ?? path)
}

function functionOf(frame: CallFrame): string {
  const { functionName, url, lineNumber } = frame
  const name = functionName || '(anonymous)'
  if (url === '') return name
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/node_modules\//, '')
  return `${name} ${file.startsWith(root) ? relative(root, file) : file}:${lineNumber + 1}`
}

function shares(micros: Map<string, number>, all: number): Record<string, number> {
  const most = [...micros].toSorted(([, one], [, other]) => other - one).slice(0, mostShown)
  return Object.fromEntries(most.map(([name, value]) => [name, round((value / all) * 100)]))
}

/** Sums all threads of a process over a time. @throws Error where the process has left no profile. */
export function readProfiles(folder: string, pid: number, within: Window): ProfileSummary {
  const files = existsSync(folder) ? readdirSync(folder) : []
  const ofProcess = files.filter((file) => file.split('.')[3] === `${pid}`)
  if (ofProcess.length === 0) throw new Error(`Process ${pid} has left no profile in ${folder}.`)
  const byPlace = new Map<string, number>()
  const byFunction = new Map<string, number>()
  let busy = 0
  const add = (sums: Map<string, number>, name: string, micros: number) =>
    sums.set(name, (sums.get(name) ?? 0) + micros)
  for (const file of ofProcess) {
    const profile = profileFile.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
    let at = profile.startTime
    for (const [i, id] of profile.samples.entries()) {
      at += profile.timeDeltas[i] ?? 0
      // A sample stands for the time until the next one.
      const micros = profile.timeDeltas[i + 1] ?? 0
      const frame = frames.get(id)
      if (!frame || at < within.fromMicros || at > within.toMicros) continue
      if (frame.functionName === '(idle)') continue
      busy += micros
      add(byPlace, placeOf(frame), micros)
      add(byFunction, functionOf(frame), micros)
    }
  }
  return {
    busySeconds: round(busy / 1e6),
    byPlace: shares(byPlace, busy),
    byFunction: shares(byFunction, busy),
  }
}
