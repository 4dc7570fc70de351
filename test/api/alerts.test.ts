// The watch over open deliveries: what it raises, whom it tells, and what anybody can read of it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createAlertLook, startAlertWatch } from '../../api/alert-watch.ts'
import { sendAlerts } from '../../api/alert-webhook.ts'
import { secret } from '../../config/secret.ts'
import { query } from '../store/open-store.ts'
import { makeDelivery, startApi, type TestApi } from './support.ts'

let api: TestApi
let lines: Record<string, unknown>[] = []
const log = pino(
  { base: null },
  { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
)

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  lines = []
  api.workflows.isAway = false
  api.workflows.queues = {}
  api.workflows.failing = []
})

const patienceMs = 60_000
const nobody = { lastPollAgoMs: null, backlog: 0 }
const look = () =>
  createAlertLook({
    store: api.store,
    workflows: api.workflows,
    log,
    patienceMs,
    webhookUrl: undefined,
    holder: 'tests',
  })()

/** Makes a delivery look as if it had stood where it is for so long. */
async function age(id: string, seconds: number): Promise<void> {
  await query(
    api.databaseUrl,
    `update delivery set phase_at = phase_at - make_interval(secs => $2) where id = $1`,
    [id, seconds],
  )
}

const shown = async (id: string) => (await api.call('GET', `/deliveries/${id}`)).body

test('a delivery that was started and that nobody serves is said to be, and not before it had time to begin', async () => {
  const { id } = await makeDelivery(api)
  api.workflows.queues.delivery = nobody
  await look()
  expect((await shown(id)).alerts).toEqual([])
  await age(id, 20)
  await look()
  const detail = 'a worker: nobody serves delivery'
  expect(await shown(id)).toMatchObject({
    doing: { what: 'starting', waitsFor: detail },
    alerts: [{ kind: 'unserved', waitsFor: detail }],
  })
  expect(lines).toMatchObject([{ level: 50, alert: 'unserved', deliveryId: id, waitsFor: detail }])
  await look()
  expect(lines).toHaveLength(1)
  api.workflows.queues = {}
  await look()
  expect((await shown(id)).alerts).toEqual([])
  const history = await api.call('GET', `/deliveries/${id}/history`)
  expect(history.body.items).toMatchObject([
    { kind: 'started' },
    { kind: 'alert raised', by: 'LFM', detail: `unserved: waits for ${detail}` },
    { kind: 'alert cleared', detail: 'unserved' },
  ])
})

test.each([
  ['has just been polled', { lastPollAgoMs: 10_000, backlog: 9 }, false],
  ['is idle within a long poll', { lastPollAgoMs: 60_000, backlog: 0 }, false],
  ['has work that nobody takes', { lastPollAgoMs: 25_000, backlog: 1 }, true],
  ['was last polled longer ago than a long poll', { lastPollAgoMs: 90_000, backlog: 0 }, true],
  ['was not polled for minutes', nobody, true],
])('a lane’s queue that %s', async (_, sight, isUnserved) => {
  const { id, campaign } = await makeDelivery(api)
  await freezeAndSend(id)
  await age(id, 30)
  const queue = `line/${campaign.lineChannelId}/multicast`
  api.workflows.queues[queue] = sight
  await look()
  const waitsFor = `a worker: nobody serves ${queue}`
  expect((await shown(id)).alerts).toMatchObject(isUnserved ? [{ kind: 'unserved', waitsFor }] : [])
})

async function freezeAndSend(id: string): Promise<void> {
  await api.store.plans.commit(id, {
    attempt: 'a1',
    digest: 'd',
    audience: { segmentRows: 10, malformed: 0, duplicates: 0, excluded: 0, planned: 10 },
    lanes: {
      multicast: { requests: 1, recipients: 10, batchRecipients: [10] },
      push: { requests: 0, recipients: 0, batchRecipients: [] },
    },
  })
  await api.store.deliveries.setPhase(id, 'sending')
}

test('Temporal that is away is said to be, and its workflow that is gone, in place of a stall', async () => {
  const { id } = await makeDelivery(api)
  const { id: gone } = await makeDelivery(api)
  await api.store.deliveries.setInterrupted(gone, true)
  await age(id, 120)
  await age(gone, 120)
  api.workflows.isAway = true
  await look()
  expect((await shown(id)).alerts).toMatchObject([{ kind: 'temporal-away' }])
  expect((await shown(gone)).alerts).toMatchObject([{ kind: 'interrupted' }])
})

test('a stall is named by what the activities fail with, where the ledger knows no reason', async () => {
  const { id } = await makeDelivery(api)
  await api.store.deliveries.setPhase(id, 'freezing')
  api.workflows.failing = ['freezeAudience, which fails: no space left']
  await age(id, 50)
  await look()
  expect((await shown(id)).alerts).toEqual([])
  await age(id, 20)
  await look()
  expect(await shown(id)).toMatchObject({
    doing: { what: 'freezing the audience', waitsFor: api.workflows.failing[0] },
    alerts: [{ kind: 'stalled' }],
  })
})

test('what the activities fail with is shown long before it is an alert', async () => {
  const { id } = await makeDelivery(api)
  await freezeAndSend(id)
  api.workflows.failing = ['sendBatch, which fails: a file of the plan is gone']
  expect(await shown(id)).toMatchObject({ doing: { waitsFor: null } })
  await query(
    api.databaseUrl,
    `update channel set updated_at = updated_at - interval '1 minute'`,
    [],
  )
  await age(id, 20)
  expect(await shown(id)).toMatchObject({
    doing: { waitsFor: api.workflows.failing[0] },
    alerts: [],
  })
})

test('a delivery whose failures can not be asked for is shown all the same', async () => {
  const { id } = await makeDelivery(api)
  await age(id, 20)
  api.workflows.isAway = true
  expect(await shown(id)).toMatchObject({ doing: { waitsFor: null } })
})

test('a pause by LFM is an alert at once, a pause by a person is none', async () => {
  const { id } = await makeDelivery(api)
  await api.store.deliveries.moveGate(id, 'paused', { by: 'Mio', why: 'a wrong price' })
  await look()
  expect(await shown(id)).toMatchObject({ alerts: [], doing: { waitsFor: /an operator/ } })
  await api.store.deliveries.moveGate(id, 'open', { by: 'Mio', why: 'right' })
  await api.store.deliveries.moveGate(id, 'paused', { by: 'LFM', why: 'LINE refuses' })
  await look()
  expect((await shown(id)).alerts).toMatchObject([{ kind: 'paused-by-lfm' }])
})

test('metrics name what is open, to those who have the token', async () => {
  expect((await fetch(`${api.url}/metrics`)).status).toBe(401)
  const text = await (await api.raw('/metrics')).text()
  expect(text).toMatch(/^# TYPE lfm_deliveries gauge$/m)
  expect(text).toMatch(/^lfm_deliveries\{state="starting"\} \d+$/m)
  expect(text).toMatch(/^lfm_alerts\{kind="paused-by-lfm"\} 1$/m)
  expect(text).toMatch(/^lfm_recipients\{outcome="planned"\} \d+$/m)
  expect(text).toMatch(/^lfm_oldest_progress_seconds \d+(\.\d+)?$/m)
  expect(text).toMatch(/^lfm_lane_calls_per_second\{line_channel_id="\d+",lane="push"\} 2000$/m)
})

test('a webhook is told each alert once, again where it refused, and neither log nor post names its URL', async () => {
  await look()
  const posted: Record<string, unknown>[] = []
  const statuses = [503, 302]
  const receiver = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk: Buffer) => (body += chunk.toString()))
    req.on('end', () => {
      const status = statuses.shift() ?? 200
      if (status === 200) posted.push(JSON.parse(body) as Record<string, unknown>)
      res.writeHead(status, { location: '/elsewhere' }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  const url = secret(`http://127.0.0.1:${port}/let-me-in`)
  // Later than any test lasts: what was refused is due when the test says so.
  const send = () => sendAlerts({ alerts: api.store.alerts, log, url }, { retryAfterMs: 3_600_000 })
  await Promise.all([send(), send()])
  const unsent = async () => (await openAlerts('and sent_at is null')).length
  expect(await unsent()).toBe(2)
  await query(api.databaseUrl, 'update alert set send_after = clock_timestamp()')
  await Promise.all([send(), send()])
  expect(await unsent()).toBe(0)
  receiver.close()
  const kinds = posted.map(({ kind, deliveryId }) => `${String(kind)} ${String(deliveryId)}`)
  expect(new Set(kinds).size).toBe(kinds.length)
  expect(kinds.length).toBe((await openAlerts()).length)
  const names = ['id', 'kind', 'deliveryId', 'campaignId', 'waitsFor', 'since', 'raisedAt']
  expect(Object.keys(posted[0] ?? {})).toEqual(names)
  // Two senders at once: which of them logs first is nobody's promise.
  const failures = lines.flatMap(({ failure }) => (typeof failure === 'string' ? [failure] : []))
  expect(failures.toSorted()).toEqual(['status 302', 'status 503'])
  expect(JSON.stringify([lines, posted])).not.toContain('let-me-in')
})

async function openAlerts(which = '') {
  return query(api.databaseUrl, `select id from alert where cleared_at is null ${which}`)
}

test('a webhook that is away is given up after a bounded number of tries', async () => {
  const { id } = await makeDelivery(api)
  await api.store.alerts.settle(id, [{ kind: 'stalled', detail: 'LINE', since: new Date() }])
  const url = secret('http://127.0.0.1:9/let-me-in')
  await sendAlerts({ alerts: api.store.alerts, log, url }, { retryAfterMs: 0 })
  const failures = lines.filter(({ failure }) => failure !== undefined)
  expect(failures).toHaveLength(10)
  expect(JSON.stringify(failures)).not.toContain('let-me-in')
})

const untilLogged = (isWanted: (line: Record<string, unknown>) => boolean) =>
  vi.waitUntil(() => lines.some(isWanted), { timeout: 20_000 })

test('a watch that can read nothing says so once, and again when it can', async () => {
  let isAway = true
  const alerts = {
    ...api.store.alerts,
    keepWatch: async () => {
      if (isAway) throw new Error('gone')
      return false
    },
  }
  const watch = startAlertWatch({
    store: { ...api.store, alerts },
    workflows: api.workflows,
    log,
    patienceMs: 1_000,
    webhookUrl: undefined,
    holder: 'tests',
  })
  await untilLogged(({ alert }) => alert === 'store-away')
  isAway = false
  await untilLogged(({ alertCleared }) => alertCleared === 'store-away')
  await watch.stop()
  expect(lines).toHaveLength(2)
})
