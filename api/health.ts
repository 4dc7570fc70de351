// Whether the process lives, and whether it can be given requests.
import express from 'express'
import { type ApiDeps } from './deps.ts'

/** A store that takes longer is as good as away. */
const pingMs = 2_000

async function answers(ping: () => Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => {
    late.resolve(false)
  }, pingMs)
  const pinged = ping().then(
    () => true,
    () => false,
  )
  const isUp = await Promise.race([pinged, late.promise])
  clearTimeout(timer)
  return isUp
}

/** `/healthz` says that the process runs; `/readyz` is 503 without the store, but not without Temporal. */
export function healthRoutes({ store, workflows, closing }: ApiDeps): express.Router {
  const router = express.Router()
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' })
  })
  router.get('/readyz', async (_req, res) => {
    const [storeIsUp, temporalIsUp] = await Promise.all([
      answers(() => store.ping()),
      workflows.isUp(),
    ])
    const isReady = storeIsUp && !closing.aborted
    res.status(isReady ? 200 : 503).json({
      status: closing.aborted ? 'closing' : isReady ? 'ready' : 'not ready',
      parts: { store: storeIsUp ? 'up' : 'away', temporal: temporalIsUp ? 'up' : 'away' },
    })
  })
  return router
}
