// The worker is killed, or stalls, while it freezes an audience that would be another one each time it is asked for.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openTcpProxy, type TcpProxy } from '../../bench/tcp-proxy.ts'
import { expectDiscreet } from './discretion.ts'
import { type RunningSystem, type Started, startSystem } from './running-system.ts'

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

/** Looks at the folder more often than a file of a plan is made, and acts within the same turn. */
async function atPoint(isThere: () => boolean, act: () => void): Promise<void> {
  const end = Date.now() + patienceMs
  while (!isThere()) {
    if (Date.now() > end) throw new Error('The freeze was never seen at that point.')
    await sleep(1)
  }
  act()
}

function signalWorker(signal: NodeJS.Signals): void {
  const worker = system.embedded.processes().find(({ name }) => name === 'worker')
  if (!worker) throw new Error('There is no worker.')
  process.kill(worker.pid, signal)
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

test.each([
  ['before the first of its files', (files: string[]) => !files.includes('segment.parquet')],
  [
    'between its files',
    (files: string[]) => files.some(isPlanFile) && !files.includes('plan.json'),
  ],
])('a worker killed %s leaves no plan', async (_, isPoint) => {
  const delivery = await system.deliver({ sql: anyHalf, text: 'Hello' })
  const isThere = () => {
    const files = filesBeingMade(delivery)
    return files !== undefined && isPoint(files)
  }
  await atPoint(isThere, () => signalWorker('SIGKILL'))
  // Does nothing but wait for its end.
  await untilWorkerEnded()
  expect(isThere()).toBe(true)
  expect(attemptsOf(delivery)).toEqual([])
  await expectNoPlan(delivery)
  killed.push(delivery)
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
  await atPoint(
    () => hasFired,
    () => proxy.set('open'),
  )
  await untilWorkerEnded()
  expect(attemptsOf(delivery)).toHaveLength(1)
  await expectNoPlan(delivery)
  killed.push(delivery)
  await system.embedded.restart('worker')
})

test('each of them goes on by itself, with one plan, and reaches everybody in it once', async () => {
  expect(killed).toHaveLength(3)
  for (const delivery of killed) await expectOnePlan(delivery)
})

test('a freeze that stalls and wakes up late moves nothing of the plan that is being sent', async () => {
  const delivery = await system.deliver({
    sql: anyHalf,
    text: 'Hello',
    rate: { multicast: 2 },
  })
  await atPoint(
    () => filesBeingMade(delivery)?.some(isPlanFile) === true,
    () => signalWorker('SIGSTOP'),
  )
  onTestFinished(() => signalWorker('SIGCONT'))
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
