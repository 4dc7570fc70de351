// A worker process that reaches PostgreSQL and Temporal through proxies of the test, and dies where the test says.
import { vi } from 'vitest'
import { openTcpProxy, type TcpProxy } from '../../bench/tcp-proxy.ts'
import { type RunningSystem } from './running-system.ts'

export interface WatchedWorker {
  /** Its name among the parts of the system. */
  name: string
  postgres: TcpProxy
  temporal: TcpProxy
  /** Resolves when the worker has sent statements like these, one after the other; `act` is called with the last. */
  at(statements: readonly RegExp[], act: () => void): Promise<void>
  /**
   * Kills it with -9 as it sends the last of these statements, which PostgreSQL then still gets, or does not.
   * Resolves when the process is gone.
   */
  killAt(statements: readonly RegExp[], last: 'arrives' | 'is lost'): Promise<void>
  /** Kills it with -9 now. */
  kill(): Promise<void>
  /** Starts it again on open ways; resolves when it is ready. */
  revive(): Promise<void>
  /** Closes its ways; for when the system has been stopped. */
  close(): Promise<void>
}

const patienceMs = 45_000

/** Starts one more worker of the system. */
export async function startWatchedWorker(system: RunningSystem): Promise<WatchedWorker> {
  const { embedded } = system
  const databaseUrl = new URL(embedded.addresses.databaseUrl)
  const [, temporalPort] = embedded.addresses.temporal.split(':')
  const postgres = await openTcpProxy({ targetPort: Number(databaseUrl.port) })
  const temporal = await openTcpProxy({ targetPort: Number(temporalPort) })
  databaseUrl.port = String(postgres.port)

  let wanted: RegExp[] = []
  let onLast = () => {}
  postgres.onClientBytes((bytes) => {
    const [next] = wanted
    // The text of a statement is in its Parse message as it is.
    if (!next?.test(bytes.toString('latin1'))) return
    wanted.shift()
    if (wanted.length === 0) onLast()
  })

  const name = await embedded.startWorker({
    DATABASE_URL: databaseUrl.href,
    TEMPORAL_ADDRESS: temporal.address,
  })
  const worker: WatchedWorker = {
    name,
    postgres,
    temporal,
    async at(statements, act) {
      let isReached = false
      wanted = [...statements]
      onLast = () => {
        act()
        isReached = true
      }
      await vi
        .waitUntil(() => isReached, { timeout: patienceMs, interval: 10 })
        .catch(() => {
          throw new Error(`The worker has not sent ${String(wanted[0])} in ${patienceMs} ms.`)
        })
    },
    async killAt(statements, last) {
      let killed: Promise<void> | undefined
      await worker.at(statements, () => {
        killed = worker.kill()
        if (last === 'is lost') postgres.set('refused')
      })
      await killed
    },
    kill: () => embedded.kill(name, 'SIGKILL'),
    async revive() {
      postgres.set('open')
      temporal.set('open')
      await embedded.restart(name)
    },
    async close() {
      await postgres.close()
      await temporal.close()
    },
  }
  return worker
}
