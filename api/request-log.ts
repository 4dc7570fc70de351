// A log line for each request: how it went, never who or what was in it.
import { randomUUID } from 'node:crypto'
import { type RequestHandler, type Response } from 'express'
import { type Logger } from 'pino'

const requestIds = new WeakMap<object, string>()

/** The id under which the log has the request of this answer. */
export function requestIdOf(res: Response): string {
  return requestIds.get(res) ?? randomUUID()
}

/** Express types the matched route loosely. */
function patternOf(route: unknown): string {
  if (typeof route !== 'object' || route === null || !('path' in route)) return 'none'
  return typeof route.path === 'string' ? route.path : 'none'
}

/** Gives each request an id and logs method, route pattern, status and milliseconds when it is over. */
export function logRequests(log: Logger): RequestHandler {
  return (req, res, next) => {
    const requestId = randomUUID()
    requestIds.set(res, requestId)
    res.set('x-request-id', requestId)
    const startedAt = performance.now()
    res.once('close', () => {
      // The pattern, not the path: a path may hold anything that a caller typed.
      log.info(
        {
          requestId,
          method: req.method,
          route: `${req.baseUrl}${patternOf(req.route)}`,
          status: res.statusCode,
          ms: Math.round(performance.now() - startedAt),
        },
        res.writableFinished ? 'request' : 'request broken off',
      )
    })
    next()
  }
}
