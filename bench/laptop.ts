// Starts everything on this machine for demo and benches, with a sample warehouse and its friends at the simulator.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readSettings } from '../config/env.ts'
import { createClient, type Client } from '../cli/client.ts'
import { stopLeftovers } from '../embedded/leftovers.ts'
import { tryLock } from '../embedded/lock.ts'
import { makeDataFolder } from '../embedded/owner.ts'
import { type Embedded, startEmbedded } from '../embedded/start.ts'
import { loadIntoBigQuery } from './bigquery-tables.ts'
import { makeSampleWarehouse } from './sample-warehouse.ts'
import { findSimulator, isLoopback, type SimulatedLine } from './simulated-line.ts'

export interface Laptop {
  embedded: Embedded
  /** The public API. */
  client: Client
  /** undefined where LINE is somebody else's and can't be read back. */
  line: SimulatedLine | undefined
}

/** Demo and benches send to no LINE beyond this machine; the message says which was named. */
export class NotLoopback extends Error {
  override readonly name = 'NotLoopback'
}

export interface LaptopOptions {
  /** Wiped first: a demo starts from nothing. */
  dataDir: string
  recipients: number
  seed: number
  /** The embedded one, or BigQuery's simulator; default `duckdb`. */
  warehouse?: 'duckdb' | 'bigquery'
  /** What the simulator takes to answer. */
  latencyMs: number
  restartPolicy?: 'always' | 'never'
  onLog?: (line: string) => void
  signal?: AbortSignal
}

/** Wipes a data folder; one that another start holds is left alone: startEmbedded will say who it is. */
export async function emptyFolder(dataDir: string): Promise<void> {
  makeDataFolder(dataDir)
  const lock = tryLock(join(dataDir, 'lock'))
  if (!lock) return
  await stopLeftovers(join(dataDir, 'run'))
  lock.release()
  rmSync(dataDir, { recursive: true, force: true })
}

/** @throws NotLoopback */
export function requireLoopback(): void {
  const { baseUrl } = readSettings().line
  if (isLoopback(baseUrl)) return
  throw new NotLoopback(
    `LINE_API_BASE_URL names ${baseUrl}, which is not on this machine. Demo, bench and chaos send only to a LINE on the loopback address; unset LINE_API_BASE_URL to use the simulator.`,
  )
}

/** @throws NotLoopback, and what `startEmbedded` throws. */
export async function openLaptop(options: LaptopOptions): Promise<Laptop> {
  const { dataDir, recipients, seed, warehouse = 'duckdb' } = options
  requireLoopback()
  await emptyFolder(dataDir)
  const embedded = await startEmbedded({
    // The sample is in neither warehouse that a .env file may name.
    env: { ...process.env, LFM_WAREHOUSE: 'duckdb' },
    withBigQuery: warehouse === 'bigquery',
    dataDir,
    ports: 'free',
    restartPolicy: options.restartPolicy ?? 'always',
    ...(options.onLog && { onLog: options.onLog }),
    ...(options.signal && { signal: options.signal }),
  })
  try {
    const line = await findSimulator(embedded.addresses.line)
    await line?.settings({ latencyMs: options.latencyMs, seed })
    const sample = await makeSampleWarehouse({ dataDir, recipients, seed })
    if (warehouse === 'bigquery') await loadIntoBigQuery(embedded.env, sample.tables)
    await line?.addFriends(sample.friends('friend'), 'friend')
    await line?.addFriends(sample.friends('blocked'), 'blocked')
    sample.close()
    const client = createClient({ baseUrl: embedded.addresses.api, token: embedded.apiToken })
    return { embedded, client, line }
  } catch (error) {
    await embedded.stop()
    throw error
  }
}
