// The proxy that chaos puts between two parts: what it carries, holds back and cuts.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openTcpProxy, type TcpProxy } from '../../bench/tcp-proxy.ts'

let server: Server
let proxy: TcpProxy
const open = new Set<Socket>()
/** All that came to the server, over all connections. */
let received = ''

beforeEach(async () => {
  received = ''
  server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString()
      socket.write(`heard ${bytes.toString()}`)
    })
    socket.on('end', () => socket.end('bye'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await openTcpProxy({ targetPort: address.port })
})
afterEach(async () => {
  for (const socket of open) socket.destroy()
  open.clear()
  await proxy.close()
  await new Promise((resolve) => server.close(resolve))
})

async function dial(): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  open.add(socket)
  socket.on('error', () => undefined)
  let text = ''
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  await once(socket, 'connect')
  return { socket, text: () => text }
}

/** Resolves when the other end has closed the connection, in order or not. */
async function over(socket: Socket): Promise<void> {
  if (socket.readableEnded || socket.destroyed) return
  await new Promise((resolve) => {
    socket.once('end', resolve)
    socket.once('close', resolve)
  })
}

const until = (isSo: () => boolean) => vi.waitUntil(isSo, { timeout: 20_000 })

/** Long enough for bytes on this machine to arrive, were they carried. */
const aWhileMs = 100

test('carries both ways, and a half-closed connection to its end', async () => {
  const { socket, text } = await dial()
  const heard: string[] = []
  proxy.onClientBytes((bytes) => heard.push(bytes.toString()))
  socket.write('one')
  await until(() => text() === 'heard one')
  socket.end()
  await once(socket, 'end')
  expect(text()).toBe('heard onebye')
  expect(heard).toEqual(['one'])
})

test('carries much, though the reader is slow', async () => {
  const { socket } = await dial()
  const much = 'x'.repeat(5_000_000)
  socket.write(much)
  await until(() => received.length === much.length)
})

test('holds back while it is stalled, in both ways and for new connections, and loses nothing', async () => {
  const { socket, text } = await dial()
  socket.write('a')
  await until(() => text() === 'heard a')
  proxy.set('stalled')
  socket.write('b')
  const later = await dial()
  later.socket.write('c')
  await sleep(aWhileMs)
  expect(received).toBe('a')
  expect(text()).toBe('heard a')
  proxy.set('open')
  await until(() => text() === 'heard aheard b' && later.text() === 'heard c')
})

test('closes standing connections and refuses new ones while it is refused', async () => {
  const { socket } = await dial()
  proxy.set('refused')
  await over(socket)
  const later = await dial()
  await over(later.socket)
  proxy.set('open')
  const again = await dial()
  again.socket.write('d')
  await until(() => again.text() === 'heard d')
})

test('what stood in a stalled way is gone when it is refused in between', async () => {
  const { socket, text } = await dial()
  socket.write('a')
  await until(() => text() === 'heard a')
  proxy.set('stalled')
  socket.write('b')
  await sleep(aWhileMs)
  proxy.set('refused')
  proxy.set('open')
  await over(socket)
  expect(received).toBe('a')
})

test('closes the connection where nobody listens behind it', async () => {
  await new Promise((resolve) => {
    server.close(resolve)
    for (const socket of open) socket.destroy()
  })
  const { socket } = await dial()
  await over(socket)
  server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
