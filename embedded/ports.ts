// Finds free ports, and names the settings whose port another program has.
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

/** Ports that nobody listens on now. All are held until the last is found, so that no two are equal. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Awaited<ReturnType<typeof listen>>[] = []
  while (held.length < count) {
    const port = quiet.lowest + Math.floor(Math.random() * (quiet.highest - quiet.lowest))
    const found = await listen(port, '127.0.0.1').catch((error: unknown) => {
      if (isTaken(error)) return undefined
      throw error
    })
    if (found) held.push(found)
  }
  await Promise.all(held.map(({ close }) => close()))
  return held.map(({ port }) => port)
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
