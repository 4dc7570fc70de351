// Server-sent events of one delivery (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { once } from 'node:events'
import { hasEnded } from '../domain/delivery.ts'
import { type Streaming } from './route.ts'
import { type DeliveryView } from './views.ts'
import { type DeliveryWatch } from './watch.ts'

/** Proxies close a connection that is silent for a minute, some earlier. */
const heartbeatMs = 15_000

/** Events `progress` with the delivery at every change, and `end` with its account; then the stream ends. */
export function deliveryEvents(watch: DeliveryWatch, deliveryId: string): Streaming {
  return async (out, gone) => {
    out.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would gather events otherwise.
      'x-accel-buffering': 'no',
    })
    out.flushHeaders()
    const ended = new AbortController()
    const over = AbortSignal.any([gone, ended.signal])
    let waiting: DeliveryView | undefined
    const write = (view: DeliveryView) => {
      // A slow client is not sent every step: it gets the newest when it can take more.
      if (out.writableNeedDrain) {
        waiting = view
        return
      }
      const isEnd = hasEnded(view.phase)
      out.write(`event: ${isEnd ? 'end' : 'progress'}\ndata: ${JSON.stringify(view)}\n\n`)
      if (isEnd) ended.abort()
    }
    const onDrain = () => {
      const view = waiting
      waiting = undefined
      if (view) write(view)
    }
    out.on('drain', onDrain)
    const heartbeat = setInterval(() => {
      if (!out.writableNeedDrain) out.write(': still here\n\n')
    }, heartbeatMs)
    const unsubscribe = watch.subscribe(deliveryId, write)
    try {
      if (!over.aborted) await once(over, 'abort')
    } finally {
      unsubscribe()
      clearInterval(heartbeat)
      out.off('drain', onDrain)
      out.end()
    }
  }
}
