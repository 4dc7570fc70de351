// Ports that are taken are told by the name of their setting.
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts, requirePorts } from '../../embedded/ports.ts'

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('The server has no port.')
  return address.port
}

const wanted = (variable: string, port: number) => ({ variable, port, host: '127.0.0.1' })

test('every taken port is told at once', async () => {
  const [api, ui] = [await takenPort(), await takenPort()]
  const [free = 0] = await freePorts(1)
  const looked = requirePorts([
    wanted('LFM_API_PORT', api),
    wanted('LFM_POSTGRES_PORT', free),
    wanted('LFM_TEMPORAL_UI_PORT', ui),
  ])
  await expect(looked).rejects.toThrow(
    `LFM_API_PORT ${api} is taken by another program; set LFM_API_PORT to a free port.\n` +
      `LFM_TEMPORAL_UI_PORT ${ui} is taken by another program; set LFM_TEMPORAL_UI_PORT to a free port.`,
  )
})

test('two settings with the same port are told', async () => {
  const [port = 0] = await freePorts(1)
  const looked = requirePorts([wanted('LFM_API_PORT', port), wanted('LFM_SIMULATOR_PORT', port)])
  await expect(looked).rejects.toThrow(/LFM_SIMULATOR_PORT \d+ is the same as LFM_API_PORT/)
})

test('free ports are all different', async () => {
  expect(new Set(await freePorts(20)).size).toBe(20)
})

const portsPath = new URL('../../embedded/ports.ts', import.meta.url).href

/** Whether the port could be kept for this process now. */
async function isUnkept(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    const bound = once(socket, 'listening')
    socket.bind(port, '127.0.0.1')
    await bound
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

test('a port that a process has found is found by no other until it has ended, though nobody listens on it', async () => {
  const script = `import { freePorts } from ${JSON.stringify(portsPath)}
    process.send(await freePorts(1))
    process.on('message', () => undefined)`
  const finder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [[port]] = (await once(finder, 'message')) as [[number]]
  const server = createServer().listen(port, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  expect(await isUnkept(port)).toBe(false)
  finder.kill('SIGKILL')
  await once(finder, 'exit')
  expect(await isUnkept(port)).toBe(true)
})
