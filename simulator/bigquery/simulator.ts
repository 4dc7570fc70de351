// A BigQuery on one port: its REST API at its own addresses, the simulator's under /_sim/bigquery/.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { CONTROL, createControl } from './control.ts'
import { createEndpoints } from './endpoints.ts'
import { type SettingsPatch } from './settings.ts'
import { createWorld } from './world.ts'

/** What a simulator is made with. */
export interface BigQuerySimulatorOptions {
  /** Settings to begin with, as `PATCH /_sim/bigquery/settings` takes them; the rest are the defaults. */
  settings?: SettingsPatch
  /** Folder in which datasets, tables and jobs outlive the process; without it all is in memory. */
  data?: string
  /** DuckDB's threads. Default 2. */
  threads?: number
}

/** An open simulator. */
export interface BigQuerySimulator extends AsyncDisposable {
  /** Begins to listen. Port 0 takes any free port. Rejects with Node's error when it can't. */
  listen(port: number, host: string): Promise<{ port: number }>
  /** Closes every connection at once and ends the jobs under way. */
  close(): Promise<void>
}

/** Makes a simulator that does nothing until `listen`. */
export function createBigQuerySimulator(options: BigQuerySimulatorOptions = {}): BigQuerySimulator {
  let opened: Promise<Opened> | undefined

  async function open() {
    const world = await createWorld(options.data, options.threads ?? 2, options.settings ?? {})
    return { world, endpoints: createEndpoints(world), control: createControl(world) }
  }
  type Opened = Awaited<ReturnType<typeof open>>

  async function answer(req: IncomingMessage, res: ServerResponse, parts: Opened) {
    const url = new URL(req.url ?? '/', 'http://simulator')
    if (!url.pathname.startsWith(`${CONTROL}/`))
      return parts.endpoints.handle(req, res, url.pathname, url.searchParams)
    const path = url.pathname.slice(CONTROL.length)
    const { status, body } = await parts
      .control(req, path, url.searchParams)
      .catch((error: unknown) => ({ status: 500, body: { message: String(error) } }))
    const text = JSON.stringify(body)
    res.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    res.end(text)
  }

  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (req, res) => {
    void opened?.then((parts) => answer(req, res, parts)).catch(() => res.destroy())
  })

  async function close() {
    const parts = await opened?.catch(() => undefined)
    if (server.listening)
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    opened = undefined
    await parts?.endpoints.close()
    await parts?.world.close()
  }

  return {
    async listen(port, host) {
      opened ??= open()
      await opened
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host, backlog: 4096 }, () => {
          server.off('error', reject)
          const address = server.address()
          resolve({ port: typeof address === 'object' && address !== null ? address.port : port })
        })
      })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
