// Runs the API: reads the settings, opens the parts, listens, and closes everything in order.
import { hostname } from 'node:os'
import { pino } from 'pino'
import { loadDotEnv, ConfigRefused, readApiConfig } from '../config/env.ts'
import { createLine } from '../line/client.ts'
import { requireCurrentSchema, SchemaMismatch } from '../store/migrate.ts'
import { createStore } from '../store/store.ts'
import { openWarehouse } from '../warehouse/open.ts'
import { startAlertWatch } from './alert-watch.ts'
import { createApp } from './app.ts'
import { checkContent } from './check-content.ts'
import { CannotListen, listen } from './listen.ts'
import { isStoreAway } from './refusals.ts'
import { shutDownOnSignal } from './shutdown.ts'
import { createDeliveryWorkflows } from './temporal.ts'

async function main(): Promise<void> {
  loadDotEnv()
  const config = readApiConfig()
  const log = pino({ level: config.logLevel, base: null })
  const databaseUrl = config.databaseUrl.reveal()
  await requireCurrentSchema(databaseUrl)

  const store = createStore({
    databaseUrl,
    secretKey: config.secretKey.reveal(),
    onLost: (error) => {
      log.warn({ err: error }, 'a connection to PostgreSQL was lost')
    },
  })
  const warehouse = await openWarehouse(config.warehouse, config, {
    onUsage: (deliveryId, usage) =>
      store.warehouseUsages.note(deliveryId, usage).catch((error: unknown) => {
        log.warn({ err: error, deliveryId, step: usage.step }, 'what a job took could not be kept')
      }),
    nextChange: (table, limit) => store.warehouseChanges.next(table, limit),
  })
  const line = createLine({
    baseUrl: config.line.baseUrl,
    deadlineMs: config.line.deadlineMs,
    clock: { now: () => Date.now() },
  })
  const workflows = createDeliveryWorkflows({
    connection: config.temporal.connectionOptions,
    namespace: config.temporal.namespace,
    identity: `lfm-api ${process.pid}@${hostname()}`,
  })
  const closing = new AbortController()
  const closeParts = async () => {
    await workflows.close()
    await line.close()
    await warehouse.close()
    await store.close()
  }

  try {
    await store.apiTokens.allow(config.api.token.reveal(), 'environment')
    const app = createApp({
      store,
      warehouse,
      line,
      workflows,
      checkContent,
      log,
      closing: closing.signal,
    })
    const listening = await listen(app, config.api)
    const alertWatch = startAlertWatch({
      store,
      workflows,
      log,
      patienceMs: config.alerts.afterMs,
      webhookUrl: config.alerts.webhookUrl,
      holder: `${process.pid}@${hostname()}`,
    })
    shutDownOnSignal(
      async () => {
        log.info('the API is closing')
        closing.abort()
        await alertWatch.stop()
        await listening.stop()
        await closeParts()
        log.info('the API has closed')
      },
      (error) => {
        log.error({ err: error }, 'the API did not close in order')
      },
    )
    log.info({ port: listening.port }, `the API listens on ${config.api.host}:${listening.port}`)
    process.send?.({ kind: 'ready', port: listening.port })
  } catch (error) {
    await closeParts()
    throw error
  }
}

/** What a person can mend is said in its sentence alone; a defect with its stack. */
function explain(error: unknown): string {
  if (
    error instanceof ConfigRefused ||
    error instanceof SchemaMismatch ||
    error instanceof CannotListen
  ) {
    return error.message
  }
  if (isStoreAway(error)) {
    return 'PostgreSQL does not answer at the address in DATABASE_URL: start it, or correct the address.'
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}
