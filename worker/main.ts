// The worker process: `npm run worker`, as many as wanted, on one machine or many.
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { type Logger, pino } from 'pino'
import { loadDotEnv, type Config, ConfigRefused, readConfig } from '../config/env.ts'
import { createLine } from '../line/client.ts'
import { installLineDispatcher } from '../line/dispatcher.ts'
import { createMessageTemplate } from '../line/message-template.ts'
import { requireCurrentSchema, SchemaMismatch } from '../store/migrate.ts'
import { createStore } from '../store/store.ts'
import { openWarehouse } from '../warehouse/open.ts'
import { ensureBundle } from './bundle.ts'
import { startWorker } from './worker.ts'

// V8 would let garbage of a million recipients (some 130 MB) pile up before it collects the old generation;
// measured: 310 MB instead of 450 at the end of sending, for a tenth more CPU time.
setFlagsFromString('--optimize-for-size')
// With it the young generation is 1 MB, and a third of the time at 2,000 push/s went into collecting it; measured:
// 15.2 CPU seconds for 30,000 pushes instead of 21.5, for 15 MB more.
setFlagsFromString('--min-semi-space-size=16')
setFlagsFromString('--max-semi-space-size=16')

const reconnectEveryMs = 2_000

/** Tries until it succeeds: a Temporal that starts after its workers is nothing unusual. */
async function patiently<T>(log: Logger, what: string, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      log.warn({ err: error }, `${what} can't be reached yet`)
      await sleep(reconnectEveryMs)
    }
  }
}

function installRuntime(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const name = level === 'WARN' ? 'warn' : level === 'ERROR' ? 'error' : 'info'
      // The token is long and of no use to a reader; pino shows errors under `err` only.
      const { error, taskToken: _taskToken, ...fields } = meta ?? {}
      log[name](error === undefined ? fields : { ...fields, err: error as unknown }, message)
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
    // Signals are ours: batches have to be told before Temporal's workers are.
    shutdownSignals: [],
  })
}

async function run(config: Config, log: Logger): Promise<void> {
  const databaseUrl = config.databaseUrl.reveal()
  await requireCurrentSchema(databaseUrl)
  const bundlePath = await ensureBundle()
  installRuntime(log)

  const { connectionOptions, namespace, address } = config.temporal
  const store = createStore({
    databaseUrl,
    secretKey: config.secretKey.reveal(),
    onLost: (error) => log.warn({ err: error }, 'a connection to PostgreSQL was lost'),
  })
  const warehouse = await openWarehouse(config.warehouse, config, {
    onUsage: (deliveryId, usage) =>
      store.warehouseUsages.note(deliveryId, usage).catch((error: unknown) => {
        log.warn({ err: error, deliveryId, step: usage.step }, 'what a job took could not be kept')
      }),
    nextChange: (table, limit) => store.warehouseChanges.next(table, limit),
  })
  const { baseUrl, deadlineMs } = config.line
  const uninstallDispatcher = installLineDispatcher({ baseUrl, deadlineMs })
  const line = createLine({ baseUrl, deadlineMs, clock: { now: () => Date.now() } })
  const where = `Temporal at ${address}`
  const nativeConnection = await patiently(log, where, () =>
    NativeConnection.connect(connectionOptions),
  )
  const connection = await patiently(log, where, () => Connection.connect(connectionOptions))

  const end = (code: number) => {
    // Given a moment for the log; whatever is under way is found again by the next worker.
    setTimeout(() => process.exit(code), 50)
  }
  const worker = await startWorker({
    store,
    warehouse,
    line,
    compileTemplate: createMessageTemplate,
    connection,
    nativeConnection,
    namespace,
    bundlePath,
    log,
    now: () => Date.now(),
    mergeEveryMs: config.worker.outcomeMergeMs,
    roundDelaysMs: config.worker.roundDelaysMs,
    graceMs: config.worker.graceMs,
    keepDays: config.keepDays,
    onFatal: (error) => {
      log.fatal({ err: error }, 'the worker ended by itself')
      end(1)
    },
  })

  let isStopping = false
  const stop = async (why: string) => {
    if (isStopping) {
      log.warn(`${why} again: ending at once`)
      end(1)
      return
    }
    isStopping = true
    log.info(`${why}: no new call is started, those under way are recorded`)
    await worker.shutdown()
    await line.close()
    await uninstallDispatcher()
    await warehouse.close()
    await store.close()
    await nativeConnection.close()
    await connection.close()
    log.info('stopped')
    end(0)
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
  // Forked, and the parent was killed: nobody else would stop this process.
  process.on('disconnect', () => void stop('the parent process is gone'))
  log.info({ temporal: address, namespace }, 'worker is ready')
  process.send?.({ kind: 'ready' })
}

try {
  loadDotEnv()
  const config = readConfig()
  await run(config, pino({ level: config.logLevel, base: null }))
} catch (error) {
  const isForPeople = error instanceof ConfigRefused || error instanceof SchemaMismatch
  process.stderr.write(
    `${isForPeople ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  )
  process.exit(1)
}
