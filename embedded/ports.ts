// Finds free ports, and names the settings whose port another program has.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that a part is about to listen on, with the setting that names it. */
export interface WantedPort {
  variable: string
  port: number
  host: string
}

/** Ports are taken; the message names each with its setting. */
export class PortsTaken extends Error {
  override readonly name = 'PortsTaken'
}

async function listen(
  port: number,
  host: string,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, resolve)
  })
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

/**
 * Below what Linux, macOS and Windows give to whoever asks for any port, or connects: else a connection of somebody
 * else could take one in the moment before its part listens, or while the part is down.
 */
const quiet = { lowest: 12_000, highest: 32_000 }

/**
 * Keeps a port for this process as long as it lives, by the UDP port of the same number, which no part uses: another
 * process that looks for ports does not find it, not even before its part listens, or while the part is down.
 * @throws Error with EADDRINUSE where somebody keeps it already.
 */
async function keep(port: number): Promise<Socket> {
  const socket = createSocket('udp4').unref()
  const kept = once(socket, 'listening')
  socket.bind({ port, address: '127.0.0.1', exclusive: true })
  try {
    await kept
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

/** A port that is kept and that nobody listens on; undefined where the one that was drawn is not such. */
async function tryPort(): Promise<number | undefined> {
  const port = quiet.lowest + Math.floor(Math.random() * (quiet.highest - quiet.lowest))
  let kept: Socket | undefined
  try {
    // First, for to listen where another is about to would be in its way.
    kept = await keep(port)
    const { close } = await listen(port, '127.0.0.1')
    await close()
    return port
  } catch (error) {
    kept?.close()
    if (isTaken(error)) return undefined
    throw error
  }
}

/** Ports that nobody listens on now; each is found once, and by one process, for as long as that lives. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = await tryPort()
    if (port !== undefined) found.push(port)
  }
  return found
}

const isTaken = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'

async function complaint({ variable, port, host }: WantedPort): Promise<string | undefined> {
  try {
    const held = await listen(port, host)
    await held.close()
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const why =
      code === 'EADDRINUSE'
        ? 'is taken by another program'
        : code === 'EACCES'
          ? 'may only be used by root'
          : `can't be listened on at ${host} (${code})`
    return `${variable} ${port} ${why}; set ${variable} to a free port.`
  }
}

/**
 * Looks at all the ports before anything starts.
 * @throws PortsTaken with one line for each that can't be had.
 */
export async function requirePorts(wanted: WantedPort[]): Promise<void> {
  const twice = wanted.flatMap(({ variable, port }, i) => {
    const first = wanted.slice(0, i).find((other) => other.port === port)
    return first ? [`${variable} ${port} is the same as ${first.variable}; set one of them.`] : []
  })
  const complaints = (await Promise.all(wanted.map(complaint))).filter((c) => c !== undefined)
  const lines = [...complaints, ...twice]
  if (lines.length > 0) throw new PortsTaken(lines.join('\n'))
}
