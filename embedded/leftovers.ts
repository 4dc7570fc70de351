// Keeps a note of every process that was started, so that a start after kill -9 can stop what was left running.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { commandOf, startOf, stillRuns } from './process-identity.ts'

const noteSchema = z.object({
  pid: z.number().int().positive(),
  startedAt: z.string(),
  command: z.string(),
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
})

/** What is noted of a process: who it is, and what asks it to end in order. */
export type Note = z.infer<typeof noteSchema>

const stopMs = 10_000
const pollMs = 20

const noteFile = (runDir: string, name: string) => join(runDir, `${name}.pid.json`)

/**
 * Notes a process that was just started.
 * @param command what its command line holds as long as it is ours, such as the path of its program.
 * @param stopSignal what asks it to end in order.
 */
export function noteProcess(
  runDir: string,
  name: string,
  process: { pid: number; command: string; stopSignal: 'SIGTERM' | 'SIGINT' },
): void {
  const startedAt = startOf(process.pid)
  // Where it has ended already there is nothing to find later.
  if (startedAt === undefined) return
  mkdirSync(runDir, { recursive: true })
  const note: Note = { ...process, startedAt }
  writeFileSync(noteFile(runDir, name), `${JSON.stringify(note)}\n`)
}

/** Takes the note back, after the process ended; a note of a later process of that name stays. */
export function forgetProcess(runDir: string, name: string, pid: number): void {
  if (readNote(noteFile(runDir, name))?.pid === pid) rmSync(noteFile(runDir, name), { force: true })
}

function readNote(file: string): Note | undefined {
  try {
    return noteSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // No note, or one torn by the kill that it was written before: nothing can be said of the process.
    return undefined
  }
}

function isOurs(note: Note): boolean {
  return stillRuns(note) && (commandOf(note.pid)?.includes(note.command) ?? false)
}

async function ends(note: Note, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (stillRuns(note)) {
    if (Date.now() > deadline) return false
    await wait(pollMs)
  }
  return true
}

function signal(note: Note, name: NodeJS.Signals): void {
  try {
    process.kill(note.pid, name)
  } catch {
    // It ended between the look and the signal.
  }
}

/**
 * Stops a process in order, with SIGKILL after 10 s; one that is not the noted process any more is left alone.
 * @returns whether it was there to be stopped.
 */
export async function stopNoted(note: Note): Promise<boolean> {
  if (!isOurs(note)) return false
  signal(note, note.stopSignal)
  if (!(await ends(note, stopMs))) {
    signal(note, 'SIGKILL')
    await ends(note, stopMs)
  }
  return true
}

/**
 * Stops what an earlier start left running when it was killed.
 * @returns names of the processes that were stopped.
 */
export async function stopLeftovers(runDir: string): Promise<string[]> {
  mkdirSync(runDir, { recursive: true })
  const names = readdirSync(runDir).flatMap((file) => /^(.*)\.pid\.json$/.exec(file)?.[1] ?? [])
  const stopped = await Promise.all(
    names.map(async (name) => {
      const note = readNote(noteFile(runDir, name))
      const was = note !== undefined && (await stopNoted(note))
      rmSync(noteFile(runDir, name), { force: true })
      return was ? [name] : []
    }),
  )
  return stopped.flat()
}
