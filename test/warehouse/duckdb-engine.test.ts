// Statements of the embedded engine end when they are no longer wanted, whenever that is.
import { pbkdf2 } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine, type Engine, rows } from '../../warehouse/duckdb/engine.ts'

let tmp: string
let engine: Engine
beforeAll(async () => {
  tmp = await mkdtemp(join(tmpdir(), 'lfm-engine-'))
  engine = createEngine({ tmp, memoryLimit: '128MB', threads: 1 })
})
afterAll(async () => {
  await engine.close()
  await rm(tmp, { recursive: true })
})

/** Would take hours. */
const endless = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range'

/** Keeps every thread of Node's pool, which statements begin in, busy for a while. */
function keepThreadsBusy() {
  const derive = promisify(pbkdf2)
  const threads = Array.from({ length: 8 }, () => derive('password', 'salt', 200_000, 64, 'sha512'))
  return Promise.all(threads)
}

test.each([
  ['before it has begun', keepThreadsBusy, 0],
  ['while it runs', () => Promise.resolve(), 200],
])('a statement that is no longer wanted %s is interrupted', async (_, besides, afterMs) => {
  const gone = new AbortController()
  await engine.read(async (connection) => {
    const busy = besides()
    const running = rows(connection, endless, gone.signal)
    if (afterMs > 0) await sleep(afterMs)
    gone.abort(new Error('No longer wanted.'))
    await expect(running).rejects.toThrow('No longer wanted.')
    await busy
    // And the connection is of use to the next statement.
    expect(await rows(connection, 'SELECT 1')).toEqual([[1]])
  })
})
