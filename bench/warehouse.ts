// `warehouse`: the driver of BigQuery against its simulator: times, the driver's memory, and calls per million recipients.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startEmbedded } from '../embedded/start.ts'
import { loadIntoBigQuery } from './bigquery-tables.ts'
import { conditions, round } from './conditions.ts'
import { emptyFolder } from './laptop.ts'
import { watchMemory } from './process-watch.ts'
import { makeSampleWarehouse } from './sample-warehouse.ts'
// As a type alone: the file runs when it is imported.
import type { DriverStep } from './warehouse-driver.ts'

interface WarehouseOptions {
  dataDir: string
  recipients: number
  seed: number
  personalised: boolean
}

/** What BigQuery's simulator counts, as far as it is told here. */
interface Counts {
  calls: Record<string, { calls: number; peakPerSecond: number }>
  jobs: Record<string, { jobs: number; bytesProcessed: number }>
  /** Of the simulator, in bytes. */
  memory: number
}

const driverPath = join(import.meta.dirname, 'warehouse-driver.ts')

/** BigQuery's simulator alone: Temporal and PostgreSQL are named, and never asked. */
function startBigQuery(dataDir: string) {
  return startEmbedded({
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: 'postgres://nobody/none',
      TEMPORAL_ADDRESS: 'nobody:1',
    },
    dataDir,
    withBigQuery: true,
    processes: { simulator: 0, worker: 0, api: 0 },
    restartPolicy: 'never',
    migrate: async () => undefined,
  })
}

const perMillion = (count: number, recipients: number) => round((count / recipients) * 1e6)

function shownCalls({ calls }: Counts, recipients: number) {
  return Object.fromEntries(
    Object.entries(calls).map(([route, { calls: count, peakPerSecond }]) => [
      route,
      { calls: count, perMillion: perMillion(count, recipients), peakPerSecond },
    ]),
  )
}

/** Jobs of the delivery, by type and step; the sample's own loads have no label. */
function shownJobs({ jobs }: Counts) {
  return Object.fromEntries(
    Object.entries(jobs)
      .filter(([name]) => !name.endsWith('/-'))
      .map(([name, { jobs: count, bytesProcessed }]) => [
        name,
        { jobs: count, megabytes: round(bytesProcessed / 1e6) },
      ]),
  )
}

/** One size, in a fresh start. */
async function oneSize(options: WarehouseOptions) {
  const { dataDir, recipients, seed, personalised } = options
  await emptyFolder(dataDir)
  const embedded = await startBigQuery(dataDir)
  const control = `${embedded.addresses.bigQuery}/_sim/bigquery`
  const countsNow = async () => (await (await fetch(`${control}/stats`)).json()) as Counts
  try {
    const sample = await makeSampleWarehouse({ dataDir, recipients, seed })
    sample.close()
    const friends = sample.tables.filter(({ name }) => name === 'friends')
    await loadIntoBigQuery(embedded.env, friends)
    await fetch(`${control}/stats/reset`, { method: 'POST' })
    const driver = fork(driverPath, personalised ? ['--personalised'] : [], {
      env: embedded.env,
      execArgv: [],
    })
    const memory = watchMemory(driver.pid ?? 0)
    const seconds: Record<string, number> = {}
    const peakMegabytes: Record<string, number | null> = {}
    const seen = { recipients: 0, isExact: false, rows: 0 }
    let toLastBatch: Counts | undefined
    driver.on('message', (message: DriverStep) => {
      void (async () => {
        seconds[message.step] = round(message.seconds, 2)
        peakMegabytes[message.step] = memory.peakMegabytes()
        if (message.step === 'read') toLastBatch = await countsNow()
        Object.assign(seen, message)
        driver.send('go on')
      })()
    })
    const [code] = (await once(driver, 'exit')) as [number | null]
    memory.stop()
    if (code !== 0) throw new Error(`The driver ended with ${code}.`)
    const whole = await countsNow()
    const quotas = (await (await fetch(`${control}/quotas`)).json()) as {
      highest: Record<string, number>
    }
    return {
      recipients,
      /** Each was read once, has one outcome, and one row in the log. */
      addsUp: seen.isExact && seen.recipients === recipients && seen.rows === recipients,
      freezeToLastBatchReadSeconds: round((seconds.frozen ?? 0) + (seconds.read ?? 0), 2),
      seconds,
      /** Highest so far, at the end of each step. */
      peakMegabytes,
      callsToLastBatchRead: toLastBatch && shownCalls(toLastBatch, recipients),
      callsInAll: shownCalls(whole, recipients),
      jobs: shownJobs(whole),
      mostChangesOfOneTable: Math.max(...Object.values(quotas.highest)),
      simulatorMegabytes: round(whole.memory / 1e6, 0),
    }
  } finally {
    await embedded.stop()
  }
}

/** So many recipients, and five times as many; each in a fresh start. */
export async function warehouse(options: WarehouseOptions): Promise<Record<string, unknown>> {
  const small = await oneSize(options)
  const big = await oneSize({ ...options, recipients: 5 * options.recipients })
  const [smallPeak, bigPeak] = [small.peakMegabytes.logged, big.peakMegabytes.logged]
  return {
    bench: 'warehouse',
    driver: 'bigquery, against simulator/bigquery',
    runs: [small, big],
    memoryRatio: smallPeak && bigPeak ? round(bigPeak / smallPeak, 2) : null,
    addsUp: small.addsUp && big.addsUp,
    conditions: conditions({
      personalised: options.personalised,
      memorySampledEveryMs: 100,
      batchesReadAtOnce: 4,
    }),
  }
}
