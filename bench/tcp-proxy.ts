// A proxy on a port of its own, by which faults cut, stall or close the way between two parts from outside.
import { createServer, connect, type Socket } from 'node:net'

/** What becomes of connections: carried; kept open but silent, as behind a dead switch; or refused. */
export type ProxyMode = 'open' | 'stalled' | 'refused'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** 127.0.0.1:port */
  readonly address: string
  /**
   * Changes what happens to all connections, also to those that stand. `refused` closes them; `stalled` holds their
   * bytes back in both directions until it is `open` again.
   */
  set(mode: ProxyMode): void
  /** Told every piece of bytes from the client before it is carried on; a way to act at a point of a protocol. */
  onClientBytes(listener: (bytes: Buffer) => void): void
  close(): Promise<void>
}

/** Opens a proxy to a part on this machine; `port` 0, the default, takes any free one. */
export async function openTcpProxy(options: {
  targetPort: number
  targetHost?: string
  port?: number
}): Promise<TcpProxy> {
  const { targetPort, targetHost = '127.0.0.1' } = options
  let mode: ProxyMode = 'open'
  const sockets = new Set<Socket>()
  const listeners: ((bytes: Buffer) => void)[] = []

  function carry(from: Socket, to: Socket, listen: (bytes: Buffer) => void): void {
    sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (bytes: Buffer) => {
      listen(bytes)
      // Written, and not piped: while it is stalled nothing more is read, and nothing read is lost.
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => {
      if (mode === 'open') from.resume()
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    if (mode === 'stalled') from.pause()
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (mode === 'refused') {
      client.destroy()
      return
    }
    const upstream = connect({ port: targetPort, host: targetHost, allowHalfOpen: true })
    carry(client, upstream, (bytes) => {
      for (const listener of listeners) listener(bytes)
    })
    carry(upstream, client, () => undefined)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The proxy has no port.')
  const { port } = bound

  async function close(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }

  return {
    port,
    address: `127.0.0.1:${port}`,
    set(next) {
      mode = next
      for (const socket of sockets) {
        if (mode === 'refused') socket.destroy()
        else if (mode === 'stalled') socket.pause()
        else socket.resume()
      }
    },
    onClientBytes(listener) {
      listeners.push(listener)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
