// The simulator's control API, as demo and benches use it: who are friends, what was received, how fast.

export interface Received {
  once: number
  twice: number
  never: number
  /** In an accepted call, though not listed. */
  unlisted: number
}

export interface EndpointStats {
  calls: number
  accepted: number
  statuses: Record<string, number>
  firstCallAt: number
  lastCallAt: number
  lastAnswerAt: number
}

export interface SimulatedLine {
  settings(change: Record<string, unknown>): Promise<void>
  addFriends(ids: AsyncIterable<string[]>, state: 'friend' | 'blocked'): Promise<void>
  /** How often the listed users were in accepted calls with this aggregation unit. */
  compare(
    unit: string,
    ids: ReadableStream<Uint8Array> | AsyncIterable<string[]>,
  ): Promise<Received>
  stats(): Promise<Record<string, EndpointStats>>
  resetStats(): Promise<void>
  /** Calls that started at or after this instant (ms since the epoch), newest last. */
  callsSince(
    at: number,
  ): Promise<{ at: number; status: number; endpoint: string; channelId: string }[]>
  violations(): Promise<{ count: number; byKind: Record<string, number> }>
}

/** Whether an address is on this machine: demo and benches send to no other. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

async function* lines(ids: AsyncIterable<string[]>): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder()
  for await (const some of ids) if (some.length > 0) yield encoder.encode(some.join('\n') + '\n')
}

/** @returns undefined where what answers there has no read-back. */
export async function findSimulator(baseUrl: string): Promise<SimulatedLine | undefined> {
  const health = await fetch(`${baseUrl}/_sim/health`).catch(() => undefined)
  if (!health?.ok) return undefined

  async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
    const res = await fetch(`${baseUrl}/_sim/${path}`, init)
    if (!res.ok) throw new Error(`The simulator refuses ${path}: ${res.status} ${await res.text()}`)
    return (await res.json()) as T
  }
  const streamed = (body: ReadableStream<Uint8Array>): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body,
    duplex: 'half',
  })

  return {
    async settings(change) {
      await call('settings', {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(change),
      })
    },
    async addFriends(ids, state) {
      await call(`friends?state=${state}`, streamed(ReadableStream.from(lines(ids))))
    },
    compare: (unit, ids) =>
      call(
        `compare?unit=${unit}`,
        streamed(ids instanceof ReadableStream ? ids : ReadableStream.from(lines(ids))),
      ),
    stats: async () =>
      (await call<{ endpoints: Record<string, EndpointStats> }>('stats')).endpoints,
    async resetStats() {
      await call('stats/reset', { method: 'POST' })
    },
    callsSince: (at) => call(`calls?since=${at}`),
    violations: () => call('violations'),
  }
}
