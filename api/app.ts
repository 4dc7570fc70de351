// The API as an Express app: what every request goes through, and the routes. It never listens by itself.
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { rawBody, readJson } from './body.ts'
import { type ApiDeps, type AppParts } from './deps.ts'
import { docsPage, problemPage } from './docs-page.ts'
import { healthRoutes } from './health.ts'
import { serveMetrics } from './metrics.ts'
import { openApiOf } from './openapi.ts'
import { isProblemKind, Problem, problemDocument, problemKinds } from './problem.ts'
import { toProblem } from './refusals.ts'
import { logRequests, requestIdOf } from './request-log.ts'
import { type Method, type Route } from './route.ts'
import { routes } from './routes/all.ts'
import { createSeenFailures } from './seen-failures.ts'
import { createDeliveryWatch } from './watch.ts'

const callers = new WeakMap<object, string>()

/** Lets in requests whose bearer token is known, under the name of the token. */
function requireToken({ store }: ApiDeps): RequestHandler {
  return async (req, _res, next) => {
    const [, token] = /^Bearer +([\x21-\x7e]+) *$/i.exec(req.get('authorization') ?? '') ?? []
    const caller = token === undefined ? undefined : await store.apiTokens.nameOf(token)
    if (caller === undefined) {
      const what = token === undefined ? 'has no bearer token' : 'has a token that is not let in'
      throw new Problem('unauthenticated', `The request ${what}.`, {
        headers: {
          'www-authenticate': `Bearer realm="lfm"${token === undefined ? '' : ', error="invalid_token"'}`,
        },
      })
    }
    callers.set(req, caller)
    next()
  }
}

function isBrokenOff(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? error.code : undefined
  return error.name === 'AbortError' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}

function serve(deps: ApiDeps, route: Route): RequestHandler {
  return async (req, res) => {
    const input = {
      params: req.params,
      query: req.query,
      body: route.body && readJson(req.body, req.get('content-type')),
      caller: callers.get(req) ?? '',
    }
    const answer = await route.run(deps, input, req)
    if (typeof answer !== 'function') {
      res.status(answer.status).json(answer.body)
      return
    }
    const left = new AbortController()
    res.once('close', () => {
      left.abort()
    })
    try {
      await answer(res, AbortSignal.any([left.signal, deps.closing]))
    } catch (error) {
      // Broken off by the caller, who left, or by the end of the process: nobody is there to be told.
      if (!isBrokenOff(error)) throw error
      res.destroy()
    }
  }
}

const refuseMethod =
  (allowed: readonly Method[]): RequestHandler =>
  (req) => {
    const allow = allowed.map((method) => method.toUpperCase()).join(', ')
    throw new Problem('method-not-allowed', `${req.method} is not allowed here, only ${allow}.`, {
      headers: { allow },
    })
  }

function apiRouter(deps: ApiDeps): express.Router {
  const router = express.Router({ caseSensitive: true })
  const document = openApiOf(routes)
  router.get('/openapi.json', (_req, res) => {
    res.json(document)
  })
  // The token before the body: who may not come in is not read.
  router.use(requireToken(deps))
  const expressPath = ({ path }: Route) => path.replaceAll(/\{(\w+)\}/g, ':$1')
  const take = (route: Route) => router[route.method](expressPath(route), serve(deps, route))
  for (const route of routes) if (route.upload) take(route)
  // What is uploaded is never held in memory.
  router.use(rawBody())
  for (const route of routes) if (!route.upload) take(route)
  for (const [path, of] of Map.groupBy(routes, expressPath)) {
    router.all(path, refuseMethod(of.map(({ method }) => method)))
  }
  return router
}

function answerProblems({ log }: ApiDeps): ErrorRequestHandler {
  // Express knows a handler of errors by its four parameters.
  return (error: unknown, req, res, _next) => {
    const problem = toProblem(error)
    const requestId = requestIdOf(res)
    const { status } = problemKinds[problem.kind]
    if (status >= 500) {
      log.error(
        { err: problem.cause ?? problem, requestId, problem: problem.kind },
        problem.message,
      )
    }
    if (res.headersSent) {
      // A stream that breaks off must not look complete.
      res.destroy()
      return
    }
    res.set(problem.headers).status(status).type('application/problem+json')
    res.send(JSON.stringify(problemDocument(problem, requestId)))
    req.resume()
  }
}

/** Builds the app; listening, and closing what it was given, is the caller's. */
export function createApp(parts: AppParts): Express {
  const { log, closing } = parts
  const now = parts.now ?? (() => new Date())
  const seenFailures = createSeenFailures(parts.workflows, now)
  const deps: ApiDeps = {
    ...parts,
    now,
    seenFailures,
    watch: createDeliveryWatch({ ...parts, seenFailures }, parts.watchEveryMs ?? 500, (error) => {
      log.warn({ err: error }, 'a watched delivery could not be read')
    }),
  }
  const app = express()
  app.disable('x-powered-by').disable('etag').set('case sensitive routing', true)
  app.use(logRequests(log), (_req, res, next) => {
    if (closing.aborted) res.set('connection', 'close')
    res.set('cache-control', 'no-store').set('x-content-type-options', 'nosniff')
    next()
  })
  app.use(healthRoutes(deps))
  app.get('/docs', (_req, res) => {
    res.type('html').send(docsPage(routes))
  })
  app.get('/problems/:kind', (req, res) => {
    const { kind } = req.params
    if (!isProblemKind(kind)) throw new Problem('not-found', 'There is no such kind of problem.')
    res.type('html').send(problemPage(kind))
  })
  app.get('/metrics', requireToken(deps), serveMetrics(deps))
  app.use('/api/v1', apiRouter(deps))
  app.use(() => {
    throw new Problem('not-found', 'There is no route with this path; GET /docs lists them.')
  })
  app.use(answerProblems(deps))
  return app
}
