// Tells whether a process id still is the process that it was: ids are used again, start times are not.
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

export interface ProcessIdentity {
  pid: number
  /** The operating system's own notion of the start; only equality means something. */
  startedAt: string
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    // The process ended, or belongs to somebody who hides it: either way it is none of ours.
    return undefined
  }
}

function askPs(pid: number, column: string): string | undefined {
  try {
    return (
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    )
  } catch {
    // ps exits 1 for an id that nobody has.
    return undefined
  }
}

function startOfByProc(pid: number): string | undefined {
  const stat = readProc(`${pid}/stat`)
  if (stat === undefined) return undefined
  // The second field is the name in brackets and may hold spaces; state is field 3, starttime field 22 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; without an init process, as in some containers, nobody reaps it.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return `${readProc('sys/kernel/random/boot_id')?.trim() ?? ''}/${fields[19] ?? ''}`
}

/** When the process started; undefined where no such process runs. */
export function startOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startOfByProc(pid) : askPs(pid, 'lstart')
}

/** The command line, arguments separated by spaces; undefined where no such process runs. */
export function commandOf(pid: number): string | undefined {
  return process.platform === 'linux'
    ? readProc(`${pid}/cmdline`)?.replaceAll('\0', ' ').trim()
    : askPs(pid, 'command')
}

/** Whether that very process still runs. */
export function stillRuns({ pid, startedAt }: ProcessIdentity): boolean {
  return startOf(pid) === startedAt
}

/** The folder that the process works in; undefined where it can't be known. */
export function workingFolderOf(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? readlinkSync(`/proc/${pid}/cwd`) : undefined
  } catch {
    // It ended, or is somebody else's.
    return undefined
  }
}
