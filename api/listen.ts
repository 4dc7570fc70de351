// Listens, and ends in order: no new requests, what is in hand to its end, then the parts behind it.
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'

export interface Listening {
  /** The port that was taken; the one asked for, unless that was 0. */
  port: number
  /** Stops accepting and resolves when every answer is finished. */
  stop(): Promise<void>
}

/** The address can't be listened on; the message says why and what to do. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen'
}

function sentence(error: Error, host: string, port: number): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${host} is taken: stop what listens there, or set LFM_API_PORT to another port.`
  }
  if (code === 'EACCES') {
    return `Port ${port} on ${host} may not be used by this user: set LFM_API_PORT to a port above 1023.`
  }
  return `The API cannot listen on ${host}, port ${port} (${code}): check LFM_API_HOST.`
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new CannotListen(sentence(error, host, port), { cause: error }))
    })
    server.listen(port, host, resolve)
  })
}

/** Connections that are idle while the server closes are looked for this often. */
const sweepMs = 100

/** @throws CannotListen */
export async function listen(
  app: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const server = createServer(app)
  await listening(server, host, port)
  // Bound to a host and port, so it is no pipe's name.
  const address = server.address() as AddressInfo
  return {
    port: address.port,
    stop: () =>
      new Promise((resolve) => {
        // close() alone waits for keep-alive connections that are silent.
        const sweep = setInterval(() => {
          server.closeIdleConnections()
        }, sweepMs)
        server.close(() => {
          clearInterval(sweep)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}
