// The API as a process of its own, with a real warehouse, while Temporal is away.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { aChannel, token } from './support.ts'

let postgres: TestPostgres
let dataDir: string
const children: ChildProcess[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  dataDir = await mkdtemp(join(tmpdir(), 'lfm-api-data-'))
  const friends = join(dataDir, 'tables', 'friends')
  await mkdir(friends, { recursive: true })
  await writeFile(join(friends, 'part.csv'), `user_id,name\nU${'a'.repeat(32)},Hanako\n`)
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await rm(dataDir, { recursive: true, force: true })
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

function run(env: Record<string, string> = {}) {
  const child = fork(new URL('../../api/main.ts', import.meta.url), {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      PATH: process.env.PATH,
      LFM_DATA_DIR: dataDir,
      LFM_API_PORT: '0',
      LFM_API_TOKEN: token,
      LFM_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      DATABASE_URL: postgres.databaseUrl,
      // Nobody listens there.
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      LINE_API_BASE_URL: 'http://127.0.0.1:1',
      ...env,
    },
  })
  children.push(child)
  let said = ''
  child.stdout?.on('data', (chunk) => (said += String(chunk)))
  child.stderr?.on('data', (chunk) => (said += String(chunk)))
  const exit = once(child, 'close').then(([code]) => ({ code: code as unknown, said }))
  return { child, exit }
}

async function ready() {
  const { child, exit } = run()
  const [message] = (await Promise.race([
    once(child, 'message'),
    exit.then(({ said }) => {
      throw new Error(`The API ended before it was ready: ${said}`)
    }),
  ])) as [{ kind: string; port: number }]
  expect(message.kind).toBe('ready')
  const call = async (method: string, path: string, body?: unknown, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${message.port}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    })
  const post = async (path: string, body: unknown) => {
    const res = await call('POST', path, body)
    return { status: res.status, body: (await res.json()) as Record<string, string> }
  }
  return { child, exit, call, post }
}

async function startedDelivery({ post }: Awaited<ReturnType<typeof ready>>) {
  const channel = await post('/channels', aChannel())
  const content = await post('/contents', {
    name: 'Hello',
    messages: [{ type: 'text', text: 'Hello {{ name }}' }],
  })
  const segment = await post('/segments', { name: 'All', sql: 'select user_id, name from friends' })
  const campaign = await post('/campaigns', {
    name: 'Sale',
    channelId: channel.body.id,
    contentId: content.body.id,
    segmentId: segment.body.id,
  })
  return post(`/campaigns/${campaign.body.id ?? ''}/deliveries`, {})
}

test('it starts deliveries and pauses them while Temporal is away, and ends in order with watchers on', async () => {
  const api = await ready()
  const started = await startedDelivery(api)
  expect(started).toMatchObject({ status: 201, body: { state: 'starting' } })
  const path = `/deliveries/${started.body.id ?? ''}`

  const paused = await api.post(`${path}/pause`, { why: 'a look' })
  expect(paused).toMatchObject({ status: 200, body: { temporal: 'away' } })
  const resumed = await api.post(`${path}/resume`, { why: 'seen' })
  expect(resumed).toMatchObject({ status: 503, body: { type: '/problems/temporal-away' } })

  const events = await api.call('GET', `${path}/events`)
  const reader = events.body?.getReader()
  expect((await reader?.read())?.done).toBe(false)
  api.child.kill('SIGTERM')
  let isDone = false
  while (!isDone) isDone = (await reader?.read())?.done ?? true
  const { code, said } = await api.exit
  expect([code, said]).toEqual([0, expect.stringContaining('the API has closed')])
})

test('it ends when the process that forked it is gone', async () => {
  const { child } = await ready()
  // Not 'close', which Node does not emit for a child that was disconnected.
  const exit = once(child, 'exit')
  child.disconnect()
  expect((await exit)[0]).toBe(0)
})

test('a taken port stops the start with one sentence', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { code, said } = await run({ LFM_API_PORT: String(port) }).exit
  server.close()
  expect(code).toBe(1)
  expect(said.trim()).toBe(
    `Port ${port} on 127.0.0.1 is taken: stop what listens there, or set LFM_API_PORT to another port.`,
  )
})

test('a database without the schema, or none at all, stops the start with one sentence', async () => {
  const other = new URL(postgres.databaseUrl)
  other.pathname = '/template1'
  const { code, said } = await run({ DATABASE_URL: other.href }).exit
  expect([code, said]).toEqual([1, expect.stringContaining('npm run migrate')])
  const none = await run({ DATABASE_URL: 'postgres://lfm:hidden@127.0.0.1:1/lfm' }).exit
  expect(none.code).toBe(1)
  expect(none.said).toMatch(/^PostgreSQL does not answer/)
  expect(none.said).not.toContain('hidden')
})

test('settings that cannot be read stop the start with all problems', async () => {
  const { code, said } = await run({ LFM_API_PORT: 'x', LFM_SECRET_KEY: 'short' }).exit
  expect(code).toBe(1)
  expect(said).toMatch(/LFM_API_PORT[^]*LFM_SECRET_KEY|LFM_SECRET_KEY[^]*LFM_API_PORT/)
})
