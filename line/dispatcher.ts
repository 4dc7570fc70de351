// A deadline for the SDK's calls: an undici dispatcher under the process's fetch, for LINE's origin only.
import { Agent, getGlobalDispatcher, setGlobalDispatcher, type Dispatcher } from 'undici'

/**
 * Lets every `fetch` of this process to LINE's origin end at a deadline that closes its socket, over at most
 * `connections` connections (default 16). To be called once, by the composition root, before any call.
 *
 * The SDK calls the global `fetch` and passes neither signal nor dispatcher, so the process-wide dispatcher is the only
 * place where its socket can be reached; without it a silent server holds a call for 300 s. Requests to
 * other origins go on as before. Node's own fetch is an older undici, but it asks for its dispatcher by a
 * symbol that both share (a test holds us to it).
 * Returns a function that puts the former dispatcher back and closes the connections.
 */
export function installLineDispatcher(options: {
  baseUrl: string
  /** Default 10,000. */
  deadlineMs?: number
  connections?: number
}): () => Promise<void> {
  const { baseUrl, deadlineMs = 10_000, connections = 16 } = options
  const lineOrigin = new URL(baseUrl).origin
  const agent = new Agent({
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: { timeout: deadlineMs },
  })
  const former = getGlobalDispatcher()
  setGlobalDispatcher(
    former.compose(
      (dispatch) => (request, handler) =>
        request.origin !== undefined && new URL(request.origin).origin === lineOrigin
          ? agent.dispatch({ ...request, origin: lineOrigin }, withDeadline(handler, deadlineMs))
          : dispatch(request, handler),
    ),
  )
  return async () => {
    setGlobalDispatcher(former)
    await agent.close()
  }
}

/**
 * The handler with a bound from the start of the request to the end of the answer. undici's own timeouts bound the
 * silence between two bytes, so that a server that drips could hold a call for ever.
 */
function withDeadline(
  handler: Dispatcher.DispatchHandler,
  deadlineMs: number,
): Dispatcher.DispatchHandler {
  let timer: NodeJS.Timeout | undefined
  return {
    onRequestStart(controller, context) {
      timer = setTimeout(() => {
        controller.abort(new Error(`LINE's answer took longer than ${deadlineMs} ms.`))
      }, deadlineMs)
      handler.onRequestStart?.(controller, context)
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd(...args) {
      clearTimeout(timer)
      handler.onResponseEnd?.(...args)
    },
    onResponseError(...args) {
      clearTimeout(timer)
      handler.onResponseError?.(...args)
    },
    onResponseStarted: () => handler.onResponseStarted?.(),
    onBodySent: (chunk) => handler.onBodySent?.(chunk),
    onRequestSent: () => handler.onRequestSent?.(),
  }
}
