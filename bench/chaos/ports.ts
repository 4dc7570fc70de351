// Ports for a system whose parts are down for a while: none that the operating system gives to others meanwhile.
import { createServer } from 'node:net'

/** Below what Linux, macOS and Windows give out to whoever asks for any port. */
const lowest = 12_000
const highest = 32_000

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })
}

/** Settings with a free port for each part. */
export async function quietPorts(): Promise<Record<string, string>> {
  const names = [
    'LFM_API_PORT',
    'LFM_TEMPORAL_PORT',
    'LFM_TEMPORAL_UI_PORT',
    'LFM_POSTGRES_PORT',
    'LFM_SIMULATOR_PORT',
  ]
  const found: Record<string, string> = {}
  const taken = new Set<number>()
  for (const name of names) {
    let port: number
    do port = lowest + Math.floor(Math.random() * (highest - lowest))
    while (taken.has(port) || !(await isFree(port)))
    taken.add(port)
    found[name] = String(port)
  }
  return found
}
