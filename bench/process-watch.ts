// Watches processes from outside: resident memory of a process with its children, and CPU time spent.
import { readdirSync, readFileSync } from 'node:fs'

const sampleEveryMs = 100
/** Clock ticks a second of /proc, fixed at 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has ended between two looks.
    return ''
  }
}

/** The process and all that descend from it. */
function family(pid: number): number[] {
  const pids = [pid]
  for (let i = 0; i < pids.length; i++) {
    const parent = pids[i] ?? pid
    let tasks: string[] = []
    try {
      tasks = readdirSync(`/proc/${parent}/task`)
    } catch {
      continue
    }
    for (const task of tasks)
      pids.push(
        ...read(`/proc/${parent}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
      )
  }
  return pids
}

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1]
  return Number(kib ?? 0) * 1024
}

/** CPU seconds of the process and its living children; PostgreSQL's back ends are children. */
export function cpuSeconds(pid: number): number | null {
  if (process.platform !== 'linux') return null
  let ticks = 0
  for (const member of family(pid)) {
    const fields = read(`/proc/${member}/stat`)
      .replace(/^.*\) /, '')
      .split(' ')
    // utime, stime, and those of children waited for.
    for (const field of [11, 12, 13, 14]) ticks += Number(fields[field] ?? 0)
  }
  return ticks / ticksPerSecond
}

interface Parts {
  processes(): { name: string; pid: number }[]
}

/** CPU seconds of every part so far, by name. */
export function cpuOfParts(parts: Parts): Record<string, number | null> {
  return Object.fromEntries(parts.processes().map(({ name, pid }) => [name, cpuSeconds(pid)]))
}

/** CPU seconds of every part since an earlier look. */
export function cpuSince(
  parts: Parts,
  before: Record<string, number | null>,
): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(cpuOfParts(parts)).map(([name, after]) => [
      name,
      after === null ? null : Number((after - (before[name] ?? 0)).toFixed(1)),
    ]),
  )
}

export interface MemoryWatch {
  /** Largest sum of resident memory seen; null where the platform has no /proc. */
  peakMegabytes(): number | null
  stop(): void
}

/** Samples every 100 ms. */
export function watchMemory(pid: number): MemoryWatch {
  let peak = 0
  const sample = () => {
    peak = Math.max(
      peak,
      family(pid).reduce((sum, member) => sum + residentBytes(member), 0),
    )
  }
  const timer = setInterval(sample, sampleEveryMs)
  timer.unref()
  return {
    peakMegabytes: () => (process.platform === 'linux' ? Math.round(peak / 1e6) : null),
    stop: () => clearInterval(timer),
  }
}
