// Starts the simulator as a process of its own: two settings, one line when it listens.
import { createSimulator, type Simulator } from './simulator.ts'

// A program that stands for LINE is configured by itself: it may not read what the product reads.
/* eslint-disable no-restricted-properties -- these two are the simulator's own and nobody else's */
const portText = process.env.LFM_SIMULATOR_PORT ?? '8790'
const host = process.env.LFM_SIMULATOR_HOST ?? '127.0.0.1'
/* eslint-enable no-restricted-properties */

function stopOnSignals(simulator: Simulator) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void simulator.close().then(() => process.exit(0)))
  // Forked, and the parent was killed: nobody else would stop this process.
  process.once('disconnect', () => void simulator.close().then(() => process.exit(0)))
}

function explain(error: unknown, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `simulator: port ${port} is taken; set LFM_SIMULATOR_PORT to another one (0 takes any free port).`
  return `simulator: can't listen on ${host}:${port} (${String(error)}); check LFM_SIMULATOR_HOST and LFM_SIMULATOR_PORT.`
}

const port = Number(portText)
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  process.stderr.write(`simulator: LFM_SIMULATOR_PORT is "${portText}"; it must be 0 to 65535.\n`)
  process.exit(1)
}
const simulator = createSimulator({})
stopOnSignals(simulator)
try {
  const listening = await simulator.listen(port, host)
  process.stdout.write(`simulator: listening on http://${host}:${listening.port}\n`)
  process.send?.({ kind: 'ready', port: listening.port })
} catch (error) {
  process.stderr.write(`${explain(error, port)}\n`)
  process.exit(1)
}
