// The API over real HTTP on a free port, with a real store and the rest in memory.
import { randomBytes, randomInt } from 'node:crypto'
import { pino } from 'pino'
import { type z } from 'zod'
import { createApp } from '../../api/app.ts'
import { checkContent } from '../../api/check-content.ts'
import { type AppParts } from '../../api/deps.ts'
import { listen } from '../../api/listen.ts'
import { routes } from '../../api/routes/all.ts'
import { problem } from '../../api/schemas/problem.ts'
import { createStore, type Store } from '../../store/store.ts'
import { fakeWarehouse, type FakeWorkflows, fakeWorkflows } from './fakes.ts'
import { startPostgres } from './postgres.ts'

export const token = 'a-token-of-the-tests'

interface Answered {
  status: number
  headers: Headers
  /** Parsed JSON. */
  body: Record<string, unknown> & Record<'id', string>
}

export interface TestApi extends AsyncDisposable {
  url: string
  databaseUrl: string
  store: Store
  workflows: FakeWorkflows
  forgotten: string[]
  closing: AbortController
  logged: string[]
  /** Calls an operation; every answer is held against its schema in the OpenAPI document. */
  call(method: string, path: string, body?: unknown): Promise<Answered>
  /** Any request, with the token, unless headers say otherwise. */
  raw(path: string, init?: RequestInit): Promise<Response>
}

function schemaOf(method: string, path: string, status: number): z.ZodType | undefined {
  const bare = path.split('?')[0] ?? ''
  const route = routes.find(
    (one) =>
      one.method === method.toLowerCase() &&
      new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare),
  )
  return route?.answers[status]
}

export async function startApi(parts: Partial<AppParts> = {}): Promise<TestApi> {
  const postgres = await startPostgres()
  const store = createStore({ databaseUrl: postgres.databaseUrl, secretKey: randomBytes(32) })
  await store.apiTokens.allow(token, 'tests')
  const workflows = fakeWorkflows()
  const closing = new AbortController()
  const forgotten: string[] = []
  const logged: string[] = []
  const app = createApp({
    store,
    workflows,
    warehouse: fakeWarehouse(),
    line: { forgetChannel: (id) => void forgotten.push(id) },
    checkContent,
    closing: closing.signal,
    log: pino({ level: 'debug' }, { write: (line) => void logged.push(line) }),
    watchEveryMs: 5,
    ...parts,
  })
  const listening = await listen(app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${listening.port}`

  const raw = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
    })
  return {
    url,
    databaseUrl: postgres.databaseUrl,
    store,
    workflows,
    forgotten,
    closing,
    logged,
    raw,
    async call(method, path, body) {
      const res = await raw(`/api/v1${path}`, {
        method,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      })
      const json: unknown = await res.json()
      const schema = res.status >= 400 ? problem : schemaOf(method, path, res.status)
      if (!schema) throw new Error(`${method} ${path} answered ${res.status}, which no schema has.`)
      schema.parse(json)
      return { status: res.status, headers: res.headers, body: json as Answered['body'] }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await listening.stop()
      await store.close()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

export const lineChannelId = () => String(randomInt(1_000_000_000, 9_999_999_999))

export const aChannel = () => ({
  lineChannelId: lineChannelId(),
  channelSecret: 'a-secret-of-the-tests',
  name: 'Shop',
})

export const aContent = (text = 'Hello') => ({
  name: 'Greeting',
  messages: [{ type: 'text', text }],
})

export const aSegment = (sql = 'select user_id, name from friends') => ({ name: 'All', sql })

/** A campaign of a channel, a content and a segment of its own. */
export async function makeCampaign(
  api: TestApi,
  { text, sql }: { text?: string; sql?: string } = {},
) {
  const channel = await api.call('POST', '/channels', aChannel())
  const content = await api.call('POST', '/contents', aContent(text))
  const segment = await api.call('POST', '/segments', aSegment(sql))
  const campaign = await api.call('POST', '/campaigns', {
    name: 'Sale',
    channelId: channel.body.id,
    contentId: content.body.id,
    segmentId: segment.body.id,
  })
  return {
    id: campaign.body.id,
    channelId: channel.body.id,
    lineChannelId: String(channel.body.lineChannelId),
    contentId: content.body.id,
    segmentId: segment.body.id,
  }
}

/** A delivery of a campaign of its own. */
export async function makeDelivery(api: TestApi) {
  const campaign = await makeCampaign(api)
  const started = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
  return { id: started.body.id, campaign }
}
