// Watching deliveries by server-sent events.
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { emptyAccount } from '../../domain/outcome.ts'
import { createDeliveryWatch } from '../../api/watch.ts'
import { makeDelivery, startApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())

interface Seen {
  event: string | undefined
  data: { state: string; gate: { why: string | null }; account: unknown }
}

/** Events as they come; the stream is left when the loop over them is. */
async function* eventsOf(id: string, from: TestApi = api): AsyncGenerator<Seen> {
  const leave = new AbortController()
  const res = await from.raw(`/api/v1/deliveries/${id}/events`, { signal: leave.signal })
  expect(res.headers.get('content-type')).toContain('text/event-stream')
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => void events.push(event) })
  const decoder = new TextDecoder()
  try {
    for await (const chunk of res.body ?? []) {
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
      for (const { event, data } of events.splice(0)) {
        yield { event, data: JSON.parse(data) as Seen['data'] }
      }
    }
  } finally {
    leave.abort()
  }
}

async function all(events: AsyncIterable<Seen>): Promise<Seen[]> {
  const seen: Seen[] = []
  for await (const event of events) seen.push(event)
  return seen
}

test('a watcher is told the state at once, every change, and the end', async () => {
  const { id } = await makeDelivery(api)
  const seen: string[] = []
  for await (const { event, data } of eventsOf(id)) {
    seen.push(`${event ?? ''} ${data.state}`)
    if (data.state === 'starting') {
      await api.store.deliveries.moveGate(id, 'paused', { by: 'Hanako', why: 'a look' })
    } else if (data.state === 'paused') {
      expect(data.gate.why).toBe('a look')
      await api.store.deliveries.end(id, 'done', { account: emptyAccount })
    }
  }
  expect(seen).toEqual(['progress starting', 'progress paused', 'end done'])
})

test('who comes after the end is told the end', async () => {
  const { id } = await makeDelivery(api)
  await api.store.deliveries.end(id, 'cancelled', { account: null })
  const seen = await all(eventsOf(id))
  expect(seen).toMatchObject([{ event: 'end', data: { state: 'cancelled' } }])
})

test('many watch one delivery, and all are told', async () => {
  const { id } = await makeDelivery(api)
  const watchers = Array.from({ length: 20 }, () => eventsOf(id))
  const first = await Promise.all(watchers.map((watcher) => watcher.next()))
  expect(first.every(({ done }) => done === false)).toBe(true)
  await api.store.deliveries.end(id, 'done', { account: emptyAccount })
  const rests = await Promise.all(watchers.map((watcher) => all(watcher)))
  for (const rest of rests) expect(rest.at(-1)?.event).toBe('end')
})

test('streams end when the process begins to end', async () => {
  await using closing = await startApi()
  const { id } = await makeDelivery(closing)
  const seen: string[] = []
  for await (const { data } of eventsOf(id, closing)) {
    seen.push(data.state)
    closing.closing.abort()
  }
  expect(seen).toEqual(['starting'])
  const ready = await closing.raw('/readyz')
  expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close'])
})

const seenFailures = { of: async () => [] }

test('a delivery that nobody watches any more is not looked at', async () => {
  const { id } = await makeDelivery(api)
  const find = vi.fn((which: string) => api.store.deliveries.find(which))
  const store = { ...api.store, deliveries: { ...api.store.deliveries, find } }
  const watch = createDeliveryWatch({ store, seenFailures }, 1, (error) => {
    throw error
  })
  const told = Promise.withResolvers<undefined>()
  const leave = [1, 2].map(() =>
    watch.subscribe(id, () => {
      told.resolve(undefined)
    }),
  )
  await told.promise
  leave[0]?.()
  const soFar = find.mock.calls.length
  await vi.waitUntil(() => find.mock.calls.length > soFar, { timeout: 20_000 })
  leave[1]?.()
  const afterwards = find.mock.calls.length
  // Each look takes a query; after as many round trips as this none would be left to come.
  for (let i = 0; i < 10; i += 1) await api.store.ping()
  expect(find.mock.calls.length).toBeLessThanOrEqual(afterwards + 1)
})

test('a store that is away for a while does not end the watch', async () => {
  const { id } = await makeDelivery(api)
  let isAway = true
  const failures: unknown[] = []
  const find: typeof api.store.deliveries.find = async (which) => {
    if (isAway) throw new Error('away')
    return api.store.deliveries.find(which)
  }
  const store = { ...api.store, deliveries: { ...api.store.deliveries, find } }
  const watch = createDeliveryWatch({ store, seenFailures }, 1, (error) => {
    failures.push(error)
    isAway = false
  })
  const told = Promise.withResolvers<string>()
  const leave = watch.subscribe(id, ({ state }) => {
    told.resolve(state)
  })
  expect(await told.promise).toBe('starting')
  expect(failures).toHaveLength(1)
  leave()
})
