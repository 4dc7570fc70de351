// The process's own DuckDB: in memory, opened on first use, run on a few connections, closed as a whole.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api'

/** What an engine is given. */
export interface EngineOptions {
  /** Folder for spilled data; the engine makes one of its own in it. */
  tmp: string
  /** DuckDB's `memory_limit`. */
  memoryLimit: string
  /** DuckDB's worker threads. */
  threads: number
}

/** An open engine. */
export type Engine = ReturnType<typeof createEngine>

// Reading batches gains nothing from more: turning strings into JavaScript values is what takes the time.
const readers = 4
const interruptEveryMs = 50
const dayMs = 24 * 60 * 60 * 1000

/** Settings of every DuckDB of ours: none ever loads code from elsewhere, none keeps memory it has done with. */
export const commonSettings = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  // Freed memory goes back to the system at once; or else the process grows with each statement's leavings.
  allocator_flush_threshold: '1MB',
} as const

/** The same text for the same instant on every machine. */
export const inUtc = `SET GLOBAL TimeZone = 'UTC'`

/** Makes the engine; nothing is opened before the first use. */
export function createEngine({ tmp, memoryLimit, threads }: EngineOptions) {
  const scratch = join(tmp, `${process.pid}-${randomUUID()}`)
  const read = createSlots(readers)
  // One at a time, so that the memory of a process doesn't grow with the deliveries that end together.
  const heavy = createSlots(1)
  let opening: Promise<DuckDBInstance> | undefined
  let closed = false

  async function open(): Promise<DuckDBInstance> {
    await sweep(tmp)
    await mkdir(scratch, { recursive: true })
    const instance = await DuckDBInstance.create(':memory:', {
      ...commonSettings,
      memory_limit: memoryLimit,
      threads: String(threads),
      temp_directory: scratch,
      // Rows that a partitioned COPY holds back; the default, half a million, is most of our memory.
      partitioned_write_flush_threshold: '50000',
    })
    const connection = await instance.connect()
    await connection.run(inUtc)
    connection.closeSync()
    return instance
  }

  async function connect(): Promise<DuckDBConnection> {
    if (closed) throw new Error('The warehouse has been closed; open another one.')
    opening ??= open().catch((error: unknown) => {
      // The next use tries again: a full disk may have been emptied by then.
      opening = undefined
      throw error
    })
    return (await opening).connect()
  }

  async function connected<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await connect()
    try {
      return await work(connection)
    } finally {
      connection.closeSync()
    }
  }

  return {
    scratch,
    /** Runs short reads, a few side by side. */
    read: <T>(work: (connection: DuckDBConnection) => Promise<T>) => read(() => connected(work)),
    /** Runs work over whole deliveries, one after the other. */
    heavy: <T>(work: (connection: DuckDBConnection) => Promise<T>) => heavy(() => connected(work)),
    /** Runs work that waits for others while it holds its connection, such as writing rows as they come. */
    connected,
    /** A connection for who reads at a pace of their own; the caller closes it. */
    connect,
    async close() {
      closed = true
      const instance = await opening?.catch(() => undefined)
      instance?.closeSync()
      await rm(scratch, { recursive: true, force: true })
    },
  }
}

/** A killed process leaves its spilled data behind; nobody's work lasts a day. */
async function sweep(tmp: string): Promise<void> {
  const entries = await readdir(tmp).catch(() => [])
  for (const entry of entries) {
    const path = join(tmp, entry)
    const found = await stat(path).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > dayMs)
      await rm(path, { recursive: true, force: true })
  }
}

/** Lets at most `size` works run at once; the others wait their turn. */
function createSlots(size: number) {
  const waiting: (() => void)[] = []
  let free = size
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

/** Runs one statement of ours; an abort interrupts it and rejects with the signal's reason. */
export async function run(
  connection: DuckDBConnection,
  sql: string,
  signal?: AbortSignal,
): Promise<void> {
  await rows(connection, sql, signal)
}

/** Runs one statement and gives its rows; only for results of known, small size. */
export async function rows(
  connection: DuckDBConnection,
  sql: string,
  signal?: AbortSignal,
): Promise<DuckDBValue[][]> {
  signal?.throwIfAborted()
  let again: NodeJS.Timeout | undefined
  const interrupt = () => {
    connection.interrupt()
    // DuckDB forgets one that comes before the statement has begun in its thread.
    again = setInterval(() => connection.interrupt(), interruptEveryMs)
  }
  signal?.addEventListener('abort', interrupt)
  try {
    const result = await connection.run(sql)
    return await result.getRows()
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', interrupt)
    clearInterval(again)
  }
}

/** Runs a statement that gives exactly one row of numbers. */
export async function numbers(
  connection: DuckDBConnection,
  sql: string,
  signal?: AbortSignal,
): Promise<number[]> {
  const [row] = await rows(connection, sql, signal)
  if (!row) throw new Error('The warehouse gave no row where a count was asked for.')
  return row.map(asNumber)
}

/** A count or request number as a JavaScript number; NULL, as sums over nothing give it, is 0. */
export function asNumber(value: DuckDBValue | undefined): number {
  if (value === null || value === undefined) return 0
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new Error(`The warehouse gave ${typeof value} where a whole number was expected.`)
}

/** A text column as a JavaScript string. */
export function asText(value: DuckDBValue | undefined): string {
  if (typeof value === 'string') return value
  throw new Error(`The warehouse gave ${typeof value} where a text was expected.`)
}
