// A LINE Messaging API on one port: LINE's addresses at its root, the simulator's own under /_sim/.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from './answers.ts'
import { createControl } from './control.ts'
import { writeAnswer } from './http.ts'
import { createLineEndpoints } from './line-endpoints.ts'
import { type SettingsPatch } from './settings.ts'
import { createWorld } from './world.ts'

export interface SimulatorOptions {
  /** Settings to begin with, as `PATCH /_sim/settings` takes them; the rest are the defaults. */
  settings?: SettingsPatch
}

export interface Simulator extends AsyncDisposable {
  /**
   * Begins to listen. Port 0 takes any free port; the one taken is returned.
   * Rejects with Node's error (`EADDRINUSE`…) when it can't.
   */
  listen(port: number, host: string): Promise<{ port: number }>
  /** Closes the port and every connection at once; answers under way are lost. */
  close(): Promise<void>
}

const KEEP_ALIVE_MS = 65_000

/** Makes a simulator that does nothing until `listen`. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const world = createWorld(options.settings ?? {})
  const line = createLineEndpoints(world)
  const control = createControl(world)

  async function answerControl(req: IncomingMessage, res: ServerResponse, path: string) {
    try {
      writeAnswer(res, await control(req, req.method ?? '', path), 'control')
    } catch {
      // The sender of a streamed list went away, or the simulator has a defect: either way say so.
      const message = 'The simulator could not finish this; send it again, then look for a defect.'
      writeAnswer(res, json(500, { message }), 'control')
    }
  }

  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    (req, res) => {
      const path = req.url ?? '/'
      if (path.startsWith('/_sim/')) void answerControl(req, res, path)
      else line.handle(req, res, req.method ?? '', path)
    },
  )
  server.on('connection', (socket) => {
    world.calls.connectionOpened()
    socket.once('close', () => world.calls.connectionClosed())
  })

  const close = () =>
    new Promise<void>((resolve) => {
      line.close()
      server.close(() => resolve())
      server.closeAllConnections()
    })

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host, backlog: 4096 }, () => {
          server.off('error', reject)
          const address = server.address()
          resolve({ port: typeof address === 'object' && address !== null ? address.port : port })
        })
      }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
