// Starts the BigQuery simulator as a process of its own: `--port`, `--host`, `--data`; one line when it listens.
import { parseArgs } from 'node:util'
import { createBigQuerySimulator, type BigQuerySimulator } from './simulator.ts'

function stopOnSignals(simulator: BigQuerySimulator) {
  const stop = () => void simulator.close().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop)
  // Forked, and the parent was killed: nobody else would stop this process.
  process.once('disconnect', stop)
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9050' },
    host: { type: 'string', default: '127.0.0.1' },
    data: { type: 'string' },
  },
})
const port = Number(values.port)
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  process.stderr.write(`bigquery: --port is "${values.port}"; it must be 0 to 65535.\n`)
  process.exit(1)
}
const simulator = createBigQuerySimulator(values.data === undefined ? {} : { data: values.data })
stopOnSignals(simulator)
try {
  const listening = await simulator.listen(port, values.host)
  process.stdout.write(`bigquery: listening on http://${values.host}:${listening.port}\n`)
  process.send?.({ kind: 'ready', port: listening.port })
} catch (error) {
  process.stderr.write(
    `bigquery: can't listen on ${values.host}:${port} (${String(error)}); is the port taken, or the data folder in use by another process?\n`,
  )
  process.exit(1)
}
