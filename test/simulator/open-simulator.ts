// Opens a simulator on a free port for one test, with a channel's token and short ways to call it.
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'undici'
import { createSimulator } from '../../simulator/simulator.ts'
import { type SettingsPatch } from '../../simulator/settings.ts'

export interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** The body parsed as JSON, or as it is where it is none. */
  body: unknown
}

export interface CallOptions {
  method?: string
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface OpenSimulator extends AsyncDisposable {
  url: string
  token: string
  /** Any call; an object is sent as JSON, text as it is. */
  call(path: string, options?: CallOptions): Promise<Reply>
  /** A call with the channel's token. */
  line(path: string, options?: CallOptions): Promise<Reply>
  push(to: string, more?: object, key?: string): Promise<Reply>
  multicast(to: string[], more?: object, key?: string): Promise<Reply>
  newToken(channelId: string, channelSecret: string): Promise<Reply>
}

export const TEXT = [{ type: 'text', text: 'Hello' }]

export const userId = (n: number) => `U${n.toString(16).padStart(32, '0')}`

export async function openSimulator(settings: SettingsPatch = {}): Promise<OpenSimulator> {
  const simulator = createSimulator({ settings })
  const { port } = await simulator.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${port}`
  const dispatcher = new Agent()

  async function call(path: string, options: CallOptions = {}): Promise<Reply> {
    const { body, headers = {}, method = body === undefined ? 'GET' : 'POST', signal } = options
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await request(url + path, {
      method,
      headers,
      dispatcher,
      ...(text === undefined ? {} : { body: text }),
      ...(signal === undefined ? {} : { signal }),
    })
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: parsed(await answer.body.text()),
    }
  }

  const newToken = (channelId: string, channelSecret: string) =>
    call('/oauth2/v3/token', {
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: channelId,
        client_secret: channelSecret,
      }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })

  const token = field((await newToken('channel', 'secret')).body, 'access_token')

  const line = (path: string, options: CallOptions = {}) =>
    call(path, {
      ...options,
      headers: {
        authorization: `Bearer ${token}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
    })

  const send = (path: string, body: object, key = randomUUID() as string) =>
    line(path, { body, headers: key === '' ? {} : { 'x-line-retry-key': key } })

  return {
    url,
    token,
    call,
    line,
    newToken,
    push: (to, more = {}, key) =>
      send('/v2/bot/message/push', { to, messages: TEXT, ...more }, key),
    multicast: (to, more = {}, key) =>
      send('/v2/bot/message/multicast', { to, messages: TEXT, ...more }, key),
    async [Symbol.asyncDispose]() {
      await simulator.close()
      await dispatcher.destroy()
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** The text at a field of a parsed body. */
export function field(body: unknown, name: string): string {
  const value: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
  if (typeof value !== 'string') throw new Error(`The body has no text at ${name}.`)
  return value
}

/** Asks until the answer fits: for what another connection brings about. */
export async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
  }
}
