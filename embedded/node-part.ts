// Runs one of LFM's own programs as a child process that says when it is ready.
import { fork } from 'node:child_process'
import { z } from 'zod'
import { type Launcher, untilReady } from './launch.ts'
import { type Part } from './supervise.ts'

const readyMessage = z.object({ kind: z.literal('ready') })

export interface NodePart {
  name: string
  /** Absolute path of its main.ts, which sends `{kind: 'ready'}` to its parent when it works. */
  entry: string
  args?: string[]
  env: NodeJS.ProcessEnv
  graceMs: number
}

const readyWithinMs = 60_000

export function nodePart(
  launcher: Launcher,
  { name, entry, args = [], env, graceMs }: NodePart,
): Part {
  return {
    name,
    async start(signal) {
      const running = await launcher.launch({
        name,
        command: entry,
        stopSignal: 'SIGTERM',
        graceMs,
        spawn: () =>
          fork(entry, args, {
            env,
            execPath: process.execPath,
            // The parent's own flags are not the child's: a test runner's loaders would come along.
            execArgv: [],
            stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
            detached: true,
          }),
      })
      const ready = new Promise<void>((resolve) => {
        running.child.on('message', (message) => {
          if (readyMessage.safeParse(message).success) resolve()
        })
      })
      await untilReady(name, running, () => ready, { withinMs: readyWithinMs, signal })
      return running
    },
  }
}
