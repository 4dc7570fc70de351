// Ports that are taken are told by the name of their setting.
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
