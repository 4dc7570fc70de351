// The worker is killed, or stalls, while it freezes an audience that would be another one each time it is asked for.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openTcpProxy, type TcpProxy } from '../../bench/tcp-proxy.ts'
import { expectDiscreet } from './discretion.ts'
import { type RunningSystem, type Started, startSystem, type Wanted } from './running-system.ts'

let system: RunningSystem
/** Stands between the worker and PostgreSQL. */
let proxy: TcpProxy
/** Stands between the worker and Temporal. */
let temporal: TcpProxy

beforeAll(async () => {
  system = await startSystem({ friends: 20_000, processes: { worker: 0 } })
  const { databaseUrl, temporal: address } = system.embedded.addresses
  const url = new URL(databaseUrl)
  temporal = await openTcpProxy({ targetPort: Number(address.split(':')[1]) })
  proxy = await openTcpProxy({ targetPort: Number(url.port), targetHost: url.hostname })
  url.host = proxy.address
  await system.embedded.startWorker({ DATABASE_URL: url.href, TEMPORAL_ADDRESS: temporal.address })
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await Promise.all([proxy.close(), temporal.close()])
})

/** About half of all friends, drawn anew by each run, after half a second of work. */
const anyHalf = `
  SELECT user_id FROM friends
  WHERE name LIKE 'Friend%' AND random() < 0.5 AND (SELECT sum(hash(range)) FROM range(60000000)) > 0`

const patienceMs = 30_000

function plansOf({ id }: Pick<Started, 'id'>): string {
  return join(system.embedded.dataDir, 'warehouse', 'plans', id)
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Files of an attempt that is being made; undefined where there is none. */
function filesBeingMade(delivery: Pick<Started, 'id'>): string[] | undefined {
  const [folder] = entriesOf(plansOf(delivery)).filter((entry) => entry.endsWith('.tmp'))
  return folder === undefined ? undefined : entriesOf(join(plansOf(delivery), folder))
}

/** Names of the attempts that are whole. */
function attemptsOf(delivery: Pick<Started, 'id'>): string[] {
  return entriesOf(plansOf(delivery)).filter((entry) => !entry.startsWith('.'))
}

/** Deliveries that are begun until one is met at its point, which lasts for some milliseconds. */
const mostTries = 20

/**
 * Stops the worker while it freezes the audience of a delivery and its files are as wanted.
 * A freeze that a busy machine let pass by is left to go on, and another delivery is begun.
 */
async function stallAt(isPoint: (files: string[]) => boolean, rate?: Wanted['rate']) {
  for (let tries = 0; tries < mostTries; tries++) {
    const delivery = await system.deliver({ sql: anyHalf, text: 'Hello', ...(rate && { rate }) })
    const isThere = () => {
      const files = filesBeingMade(delivery)
      return files !== undefined && isPoint(files)
    }
    await until(() => isThere() || attemptsOf(delivery).length > 0)
    signalWorker('SIGSTOP')
    await until(isWorkerStopped)
    if (isThere()) return delivery
    signalWorker('SIGCONT')
    passedBy.push(delivery)
  }
  throw new Error('No freeze was met at that point.')
}

/** Looks more often than a file of a plan is made. */
async function until(isThere: () => boolean): Promise<void> {
  const end = Date.now() + patienceMs
  while (!isThere()) {
    if (Date.now() > end) throw new Error('The freeze does not come so far.')
    await sleep(1)
  }
}

function workerPid(): number {
  const worker = system.embedded.processes().find(({ name }) => name === 'worker')
  if (!worker) throw new Error('There is no worker.')
  return worker.pid
}

function signalWorker(signal: NodeJS.Signals): void {
  process.kill(workerPid(), signal)
}

/** A signal is heard by a process some time after it was sent. */
function isWorkerStopped(): boolean {
  const state = execFileSync('ps', ['-o', 'stat=', '-p', String(workerPid())], { encoding: 'utf8' })
  return state.startsWith('T')
}

async function untilWorkerEnded(): Promise<void> {
  await vi.waitUntil(() => system.embedded.processes().every(({ name }) => name !== 'worker'), {
    timeout: patienceMs,
  })
}

async function expectNoPlan({ id }: Started): Promise<void> {
  const { plan } = await system.client.call('getDelivery', { params: { id } })
  expect(plan).toBeNull()
}

/** The delivery goes on by itself, and everybody of its one plan is reached. */
async function expectOnePlan(delivery: Started): Promise<void> {
  const { state, plan } = await system.expectExact(delivery, {})
  expect(state).toBe('done')
  expect(plan?.audience.planned).toBeGreaterThan(5_000)
  expect(attemptsOf(delivery)).toHaveLength(1)
}

const isPlanFile = (file: string) => /^multicast-.*\.parquet$/.test(file)

/** Deliveries whose freeze was killed. Temporal notices after 10 s, so they are looked at together, at the end. */
const killed: Started[] = []
/** Those whose freeze nothing befell. */
const passedBy: Started[] = []

test.each([
  ['before the first of its files', (files: string[]) => !files.includes('segment.parquet')],
  [
    'between its files',
    (files: string[]) => files.some(isPlanFile) && !files.includes('plan.json'),
  ],
])('a worker killed %s leaves no plan', async (_, isPoint) => {
  const delivery = await stallAt(isPoint)
  killed.push(delivery)
  signalWorker('SIGKILL')
  // Does nothing but wait for its end.
  await untilWorkerEnded()
  expect(isPoint(filesBeingMade(delivery) ?? [])).toBe(true)
  expect(attemptsOf(delivery)).toEqual([])
  await expectNoPlan(delivery)
  await system.embedded.restart('worker')
})

test('a worker killed after its files and before the insert leaves no plan', async () => {
  const delivery = await system.deliver({ sql: anyHalf, text: 'Hello' })
  let hasFired = false
  proxy.onClientBytes((bytes) => {
    if (hasFired || !bytes.includes('insert into "plan"') || !bytes.includes(delivery.id)) return
    hasFired = true
    // What it has just written is thrown away with its connection.
    proxy.set('refused')
    signalWorker('SIGKILL')
  })
  await untilWorkerEnded()
  proxy.set('open')
  expect(attemptsOf(delivery)).toHaveLength(1)
  await expectNoPlan(delivery)
  killed.push(delivery)
  await system.embedded.restart('worker')
})

test('each of them goes on by itself, with one plan, and reaches everybody in it once', async () => {
  expect(killed).toHaveLength(3)
  for (const delivery of [...killed, ...passedBy]) await expectOnePlan(delivery)
})

test('a freeze that stalls and wakes up late moves nothing of the plan that is being sent', async () => {
  onTestFinished(() => signalWorker('SIGCONT'))
  const delivery = await stallAt((files) => files.some(isPlanFile), { multicast: 2 })
  // Or else what it has asked Temporal for would be given to it, and wait there.
  temporal.set('refused')
  await expectNoPlan(delivery)
  const second = await system.embedded.startWorker()
  await system.simulator.untilCalls(delivery.unit, 3)
  const before = await system.client.call('getDelivery', { params: { id: delivery.id } })
  const bytes = planBytes(delivery)
  expect(before.progress.accepted).toBeLessThan(before.progress.planned)
  temporal.set('open')
  signalWorker('SIGCONT')
  await expectOnePlan(delivery)
  const after = await system.client.call('getDelivery', { params: { id: delivery.id } })
  expect(after.plan).toEqual(before.plan)
  expect(planBytes(delivery)).toBe(bytes)
  await system.embedded.kill(second, 'SIGTERM')
})

/** A digest of the one plan's files. */
function planBytes(delivery: Started): string {
  const [attempt = ''] = attemptsOf(delivery)
  const folder = join(plansOf(delivery), attempt)
  const hash = createHash('sha256').update(attempt)
  for (const file of readdirSync(folder).sort())
    hash.update(file).update(readFileSync(join(folder, file)))
  return hash.digest('hex')
}

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
