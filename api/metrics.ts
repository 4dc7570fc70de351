// What Prometheus may gather: open deliveries, their recipients, lanes and alerts, read from the store at each request.
import { type RequestHandler } from 'express'
import { alertKinds } from '../domain/alert.ts'
import { stuckSince } from '../domain/findings.ts'
import { lanes } from '../domain/lane.ts'
import { type Account, emptyAccount } from '../domain/outcome.ts'
import { type Store } from '../store/store.ts'

interface Sample {
  labels?: Record<string, string>
  value: number
}

/** One gauge in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function gauge(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const inner = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`)
    return `${name}${inner.length > 0 ? `{${inner.join(',')}}` : ''} ${value}`
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ''].join('\n')
}

const byLabel = (label: string, counts: ReadonlyMap<string, number>): Sample[] =>
  [...counts].map(([text, value]) => ({ labels: { [label]: text }, value }))

export async function metricsText(store: Store): Promise<string> {
  const [open, alerts, channels] = await Promise.all([
    store.deliveries.listOpen(),
    store.alerts.countOpen(),
    store.channels.list(),
  ])
  const states = new Map<string, number>()
  const sums: Account = { ...emptyAccount }
  let quietestMs = 0
  for (const delivery of open) {
    states.set(delivery.state, (states.get(delivery.state) ?? 0) + 1)
    const { facts, progress } = await store.standings.read(delivery)
    for (const term of Object.keys(sums) as (keyof Account)[]) sums[term] += progress[term]
    const stuck = stuckSince(facts)
    if (stuck) quietestMs = Math.max(quietestMs, facts.now.getTime() - stuck.getTime())
  }
  return [
    gauge('lfm_deliveries', 'Deliveries that have not ended, by state.', byLabel('state', states)),
    gauge(
      'lfm_recipients',
      'Recipients of these deliveries: planned, and by outcome so far.',
      byLabel('outcome', new Map(Object.entries(sums))),
    ),
    gauge(
      'lfm_alerts',
      'Alerts that are open, by kind.',
      byLabel('kind', new Map(alertKinds.map((kind) => [kind, alerts[kind] ?? 0]))),
    ),
    gauge(
      'lfm_oldest_progress_seconds',
      'Time since the last progress of the delivery that has made none for longest; waits by plan or order left out.',
      [{ value: quietestMs / 1_000 }],
    ),
    gauge(
      'lfm_lane_calls_per_second',
      'Calls a second that a channel may spend on a lane.',
      channels.flatMap(({ lineChannelId, callsPerSecond }) =>
        lanes.map((lane) => ({
          labels: { line_channel_id: lineChannelId, lane },
          value: callsPerSecond[lane],
        })),
      ),
    ),
  ].join('')
}

/** `GET /metrics`. */
export function serveMetrics({ store }: { store: Store }): RequestHandler {
  return async (_req, res) => {
    res.type('text/plain; version=0.0.4').send(await metricsText(store))
  }
}
