// Starts one process, reads its lines, and stops it in order within a bounded time.
import { type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { forgetProcess, noteProcess } from './leftovers.ts'

/** A process under way. */
export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  /** Resolves when it has ended, with a sentence's worth of how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>
  /** Its last lines, for a message about a start that failed. */
  lastLines(): string[]
  kill(signal: NodeJS.Signals): void
  /** Asks it to end, insists with SIGKILL when the grace is over, and resolves when it has ended. */
  stop(): Promise<void>
}

/** A part did not come up; the message has its last lines. */
export class PartFailed extends Error {
  override readonly name = 'PartFailed'
}

export interface Launch {
  name: string
  /** What the process's command line holds: its program or script. */
  command: string
  /** Must be `detached`: Ctrl-C in a terminal goes to all of its group at once, and ours are stopped in order. */
  spawn(): ChildProcess
  stopSignal: 'SIGTERM' | 'SIGINT'
  graceMs: number
  /** Which of its lines are worth telling; default all. */
  isTold?: (line: string) => boolean
}

/** Starts processes, and knows which of them still run. */
export interface Launcher {
  /** Starts a process and notes it; it is not ready yet. */
  launch(options: Launch): Promise<Running>
  /** Tells a line in the name of a part. */
  tell(name: string, line: string): void
  /** Sends SIGKILL to all that run, at once. */
  killAll: () => void
}

export interface LauncherOptions {
  /** Where processes are noted for a later start. */
  runDir: string
  onLine: (name: string, line: string) => void
}

const keptLines = 20

export function createLauncher({ runDir, onLine }: LauncherOptions): Launcher {
  const children = new Set<ChildProcess>()

  function readLines(child: ChildProcess, { name, isTold = () => true }: Launch): string[] {
    const lines: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        if (lines.push(line) > keptLines) lines.shift()
        if (isTold(line)) onLine(name, line)
      })
    }
    return lines
  }

  async function launch(options: Launch): Promise<Running> {
    const { name, command, stopSignal, graceMs } = options
    const child = options.spawn()
    const lines = readLines(child, options)
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      // 'close' and not 'exit': the last lines say why.
      child.once('close', (code, signal) => resolve(signal ?? `exit code ${code ?? 'unknown'}`))
    })
    const { pid } = child
    if (pid === undefined) throw new PartFailed(`${name} could not be started: ${await ended}.`)
    children.add(child)
    noteProcess(runDir, name, { pid, command, stopSignal })
    void ended.then(() => {
      children.delete(child)
      forgetProcess(runDir, name, pid)
    })

    const kill = (signal: NodeJS.Signals) => void child.kill(signal)
    return {
      pid,
      child,
      ended,
      lastLines: () => [...lines],
      kill,
      async stop() {
        kill(stopSignal)
        const patience = new AbortController()
        const tooLate = wait(graceMs, 'too late', { signal: patience.signal })
        if ((await Promise.race([ended, tooLate])) === 'too late') kill('SIGKILL')
        tooLate.catch(() => undefined)
        patience.abort()
        await ended
      },
    }
  }

  return {
    launch,
    tell: onLine,
    killAll() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

/**
 * Waits until a process that was just started answers; one that does not is stopped.
 * @param answers is given a signal that aborts when nobody waits any more.
 * @throws PartFailed when it ends before, or does not answer in time; the signal's reason when it aborts.
 */
export async function untilReady(
  name: string,
  running: Running,
  answers: (signal: AbortSignal) => Promise<unknown>,
  { withinMs, signal }: { withinMs: number; signal: AbortSignal },
): Promise<void> {
  const over = new AbortController()
  const timeout = AbortSignal.timeout(withinMs)
  const any = AbortSignal.any([signal, timeout, over.signal])
  const aborted = new Promise<never>((_, reject) => {
    any.addEventListener('abort', () => {
      if (signal.aborted) reject(signal.reason as Error)
      if (timeout.aborted) {
        reject(new PartFailed(`${name} did not answer within ${withinMs / 1_000} s.`))
      }
    })
  })
  const endedEarly = running.ended.then((how) => {
    const said = running.lastLines().map((line) => `\n  ${line}`)
    throw new PartFailed(`${name} ended before it was ready (${how}).${said.join('')}`)
  })
  const contest = [answers(any), aborted, endedEarly]
  // The losers of the race must not count as unhandled.
  for (const loser of contest) loser.catch(() => undefined)
  try {
    await Promise.race(contest)
  } catch (error) {
    await running.stop()
    throw error
  } finally {
    over.abort()
  }
}

/** Tries again until it succeeds or the signal aborts. */
export async function retryUntil(
  attempt: () => Promise<unknown>,
  signal: AbortSignal,
  everyMs = 50,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    try {
      await attempt()
      return
    } catch {
      // Not up yet: that is what is waited for.
      await wait(everyMs, undefined, { signal })
    }
  }
}
