// The control path /_sim/bigquery/: settings, faults, the clock, counts, quotas and jobs.
import { type IncomingMessage } from 'node:http'
import { z } from 'zod'
import { readJson } from './bodies.ts'
import { faultSchema } from './faults.ts'
import { stateOf } from './jobs.ts'
import { settingsPatchSchema } from './settings.ts'
import { type World } from './world.ts'

/** Where the control path begins. */
export const CONTROL = '/_sim/bigquery'

/** Answers a control call. */
export type Control = (
  req: IncomingMessage,
  path: string,
  query: URLSearchParams,
) => Promise<{ status: number; body: object }>

type Handler = (req: IncomingMessage, query: URLSearchParams) => object | Promise<object>

/** A request that can't be served; its message is for the sender. */
class Refusal extends Error {
  readonly pointer: string
  constructor(message: string, pointer: string) {
    super(message)
    this.pointer = pointer
  }
}

/** Makes the control of a world. */
export function createControl(world: World): Control {
  const { faults, calls, quotas, settings } = world
  const routes: Record<string, Handler> = {
    'GET /health': () => ({ status: 'ok' }),
    'GET /settings': () => settings,
    'PATCH /settings': async (req) => {
      world.changeSettings(await parse(req, settingsPatchSchema))
      return settings
    },
    'POST /faults': async (req) => ({
      id: faults.add(await parse(req, faultSchema), settings.seed).id,
    }),
    'GET /faults': () => faults.list(),
    'DELETE /faults': () => {
      const cleared = faults.list().length
      faults.clear()
      return { cleared }
    },
    'POST /clock': async (req) => {
      world.advance((await parse(req, z.strictObject({ advanceMs: z.number().min(0) }))).advanceMs)
      return { now: new Date(world.now()).toISOString() }
    },
    'GET /stats': () => ({
      calls: calls.stats(),
      jobs: jobCounts(world),
      memory: process.memoryUsage.rss(),
    }),
    'POST /stats/reset': () => {
      calls.reset()
      return {}
    },
    'GET /calls': (_, query) => calls.recent(query.get('route')),
    'GET /quotas': () => quotas.report(),
    'POST /quotas/reset': () => {
      quotas.reset()
      return {}
    },
    'GET /jobs': (_, query) =>
      world.jobs
        .all()
        .filter(({ job }) => job.jobId.startsWith(query.get('prefix') ?? ''))
        .map((live) => ({ ...live.job, state: stateOf(live) })),
  }

  return async (req, path, query) => {
    const method = req.method ?? ''
    const fault = /^\/faults\/([^/]+)$/.exec(path)?.[1]
    if (method === 'DELETE' && fault !== undefined)
      return faults.remove(fault)
        ? { status: 200, body: { removed: fault } }
        : { status: 404, body: { message: `No fault ${fault} is posted.` } }
    const handler = routes[`${method} ${path}`]
    if (!handler)
      return { status: 404, body: { message: `The simulator has no ${method} ${CONTROL}${path}.` } }
    try {
      return { status: 200, body: await handler(req, query) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: 400, body: { message: error.message, pointer: error.pointer } }
    }
  }
}

/** Jobs by the label `step` and type, with what they read. */
function jobCounts(world: World): object {
  const counts: Record<
    string,
    { jobs: number; failed: number; bytesProcessed: number; rows: number }
  > = {}
  for (const { job } of world.jobs.all()) {
    const kind = 'load' in job.configuration ? 'LOAD' : 'QUERY'
    const name = `${kind}/${job.configuration.labels?.step ?? '-'}`
    const found = (counts[name] ??= { jobs: 0, failed: 0, bytesProcessed: 0, rows: 0 })
    found.jobs++
    found.failed += job.errorResult ? 1 : 0
    found.bytesProcessed += job.totalBytesProcessed ?? 0
    found.rows += job.rows ?? 0
  }
  return counts
}

async function parse<T>(req: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(await readJson(req))
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = [...(issue?.path ?? [])]
  if (issue?.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '')
  const pointer = path.map((step) => `/${String(step)}`).join('')
  throw new Refusal(
    `Nothing was changed: ${issue?.message ?? 'the body is wrong'} (at ${pointer === '' ? 'the top' : pointer}).`,
    pointer,
  )
}
