// The control API under /_sim/: settings, friends, channels, faults, the clock, and what really happened.
import { createPublicKey } from 'node:crypto'
import { type IncomingMessage } from 'node:http'
import { z } from 'zod'
import { json, type Answer } from './answers.ts'
import { limitsSchema, quotaSchema, settingsPatchSchema } from './settings.ts'
import { faultSchema } from './faults.ts'
import { readIdLines } from './id-lines.ts'
import { readText } from './http.ts'
import { PHONE_STATES, type PhoneState } from './phones.ts'
import { comparePhones, received, report } from './reading.ts'
import { KEEPABLE, type World } from './world.ts'

const channelSchema = z.strictObject({
  channelId: z.string().min(1),
  channelSecret: z.string().min(1),
  limits: limitsSchema.optional(),
  quota: quotaSchema.optional(),
  publicKeys: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
})
const revokeSchema = z.strictObject({ channelId: z.string() })
const clockSchema = z.strictObject({ advanceMs: z.number().min(0) })

/** Thrown for a request that can't be served; the message is a sentence for its sender. */
class Refusal extends Error {
  readonly status: number
  readonly pointer: string | undefined
  constructor(status: number, message: string, pointer?: string) {
    super(message)
    this.status = status
    this.pointer = pointer
  }
}

export type Control = (req: IncomingMessage, method: string, path: string) => Promise<Answer>

type Handler = (req: IncomingMessage, query: URLSearchParams) => object | Promise<object>

export function createControl(world: World): Control {
  const routes: Record<string, Handler> = {
    'GET /_sim/health': () => ({ status: 'ok', phones: world.phones.size }),
    'GET /_sim/settings': () => world.settings,
    'PATCH /_sim/settings': async (req) => {
      world.changeSettings(await parse(req, settingsPatchSchema))
      return world.settings
    },
    'POST /_sim/channels': async (req) => {
      const update = await parse(req, channelSchema)
      for (const [kid, key] of Object.entries(update.publicKeys ?? {})) refuseBadKey(kid, key)
      const { channelId, limits, quota } = world.channels.put(update)
      return { channelId, limits, quota: quota ?? null }
    },
    'GET /_sim/channels': () =>
      world.channels.list().map(({ channelId, limits, quota, keys, usage }) => ({
        channelId,
        limits,
        quota: quota ?? null,
        retryKeys: keys.size,
        usage: { sent: usage.sent, units: usage.units.size },
      })),
    'POST /_sim/tokens/revoke': async (req) => {
      const { channelId } = await parse(req, revokeSchema)
      const channel = world.channels.find(channelId)
      if (channel === undefined)
        throw new Refusal(404, `No channel ${channelId} is registered.`, '/channelId')
      return { revoked: world.tokens.revokeAll(channel) }
    },
    'POST /_sim/friends': (req, query) => loadFriends(req, query.get('state') ?? 'friend'),
    'POST /_sim/faults': async (req) => {
      const { id } = world.faults.add(await parse(req, faultSchema), world.settings.seed)
      return { id }
    },
    'GET /_sim/faults': () => world.faults.list(),
    'DELETE /_sim/faults': () => {
      const cleared = world.faults.list().length
      world.faults.clear()
      return { cleared }
    },
    'GET /_sim/received': (_, query) => received(world, query.get('user') ?? ''),
    'GET /_sim/report': (_, query) => report(world, query.get('unit')),
    'POST /_sim/compare': (req, query) => comparePhones(world, query.get('unit'), req),
    'GET /_sim/stats': () => world.calls.stats(),
    'POST /_sim/stats/reset': () => {
      world.calls.reset()
      return {}
    },
    'GET /_sim/calls': (_, query) =>
      world.calls.recent({
        since: Number(query.get('since') ?? 0),
        endpoint: query.get('endpoint') ?? undefined,
      }),
    'GET /_sim/violations': () => world.violations.report(),
    'POST /_sim/clock': async (req) => {
      world.clock.advance((await parse(req, clockSchema)).advanceMs)
      return { now: new Date(world.clock.nowMs()).toISOString() }
    },
    'POST /_sim/reset': (_, query) => {
      const keep = (query.get('keep') ?? '').split(',').filter((word) => word !== '')
      const unknown = keep.find((word) => !KEEPABLE.includes(word))
      if (unknown !== undefined)
        throw new Refusal(400, `A reset can keep ${KEEPABLE.join(', ')}, not "${unknown}".`)
      world.reset(new Set(keep))
      return {}
    },
  }

  async function loadFriends(req: IncomingMessage, state: string): Promise<object> {
    if (!isPhoneState(state))
      throw new Refusal(400, `A friend's state is ${PHONE_STATES.join(', ')}, not "${state}".`)
    const { phones } = world
    const before = phones.size
    let lines = 0
    const { malformed } = await readIdLines(req, (words) => {
      const [a = 0, b = 0, c = 0, d = 0] = words
      phones.setState(phones.add(a, b, c, d), state)
      lines++
    })
    const added = phones.size - before
    return { added, known: lines - added, malformed }
  }

  return async (req, method, path) => {
    const { pathname, searchParams } = new URL(path, 'http://sim.invalid')
    const handler = routes[`${method} ${pathname}`]
    try {
      if (handler !== undefined) return json(200, await handler(req, searchParams))
      const faultId = /^\/_sim\/faults\/([^/]+)$/.exec(pathname)?.[1]
      if (method === 'DELETE' && faultId !== undefined) {
        if (world.faults.remove(faultId)) return json(200, {})
        throw new Refusal(404, `There is no fault ${faultId}.`)
      }
      throw new Refusal(
        404,
        `The simulator has no ${method} ${pathname}; its README lists what it has.`,
      )
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { status, message, pointer } = error
      return json(status, pointer === undefined ? { message } : { message, pointer })
    }
  }
}

function refuseBadKey(kid: string, key: Record<string, unknown>): void {
  try {
    createPublicKey({ key, format: 'jwk' })
  } catch {
    throw new Refusal(
      400,
      `The public key ${kid} is no JWK; nothing was changed.`,
      `/publicKeys/${kid}`,
    )
  }
}

function isPhoneState(value: string): value is PhoneState {
  return PHONE_STATES.some((state) => state === value)
}

async function parse<T>(req: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  let value: unknown
  try {
    value = JSON.parse(await readText(req))
  } catch {
    throw new Refusal(400, 'The body is not JSON; nothing was changed.', '')
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = [...(issue?.path ?? [])]
  if (issue?.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '')
  const pointer = path.map((step) => `/${String(step)}`).join('')
  throw new Refusal(
    400,
    `Nothing was changed: ${issue?.message ?? 'the body is wrong'} (at ${pointer === '' ? 'the top' : pointer}).`,
    pointer,
  )
}
