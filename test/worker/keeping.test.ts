// The worker keeps what open deliveries need, whatever fails meanwhile.
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type NeededPlan } from '../../store/retention.ts'
import { keepWhatIsNeeded, tidyUp, type RetentionDeps } from '../../worker/retention.ts'

const plans: readonly NeededPlan[] = [
  { deliveryId: 'paused', attempt: '1' },
  { deliveryId: 'waiting', attempt: '1-2' },
  { deliveryId: 'interrupted', attempt: 'a3' },
]

/** A worker over ports in memory, with what it did and what it logged. */
function worker(
  fails: { look?: boolean; keep?: (deliveryId: string) => boolean; drop?: boolean } = {},
) {
  const kept: string[] = []
  const dropped: string[] = []
  const logged: Record<string, unknown>[] = []
  const away = () => Promise.reject(new Error('The warehouse is away.'))
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>)
  const deps: RetentionDeps = {
    retention: {
      needed: async () => (fails.look ? away() : [...plans]),
      release: async () => undefined,
      released: async (ids) => [...ids],
    },
    warehouse: {
      keepDelivery: async (deliveryId, attempt) =>
        fails.keep?.(deliveryId) ? away() : void kept.push(`${deliveryId}/${attempt}`),
      heldDeliveries: async () => (fails.drop ? away() : ['ended']),
      dropDelivery: async (deliveryId) => void dropped.push(deliveryId),
      dropLogsBefore: async () => undefined,
    },
    keepDays: { plans: 30, logs: undefined },
    now: Date.now,
    log: pino({ level: 'warn', base: null }, { write }),
  }
  return { deps, kept, dropped, logged }
}
const all = ['paused/1', 'waiting/1-2', 'interrupted/a3']

test('every plan that an open delivery needs is kept, by the name of its own', async () => {
  const { deps, kept, logged } = worker()
  await tidyUp(deps)
  expect(kept).toEqual(all)
  expect(logged).toEqual([])
})

test('a plan that can not be kept costs the others nothing, and is tried again by the next run', async () => {
  let isAway = true
  const { deps, kept, dropped, logged } = worker({ keep: (id) => isAway && id === 'waiting' })
  await tidyUp(deps)
  expect(kept).toEqual(['paused/1', 'interrupted/a3'])
  expect(dropped).toEqual(['ended'])
  expect(logged).toEqual([
    expect.objectContaining({
      deliveryId: 'waiting',
      msg: 'the end of a plan could not be put off',
    }),
  ])
  isAway = false
  await tidyUp(deps)
  expect(kept.slice(2)).toEqual(all)
})

test('of keeping and removing each goes on where the other fails', async () => {
  const withoutStore = worker({ look: true })
  await tidyUp(withoutStore.deps)
  expect(withoutStore.dropped).toEqual(['ended'])
  const withoutListing = worker({ drop: true })
  await tidyUp(withoutListing.deps)
  expect(withoutListing.kept).toEqual(all)
  expect([withoutStore.logged, withoutListing.logged].map(({ length }) => length)).toEqual([1, 1])
})

test('a worker that is asked to stop keeps no further plan, and complains of none', async () => {
  const stopping = new AbortController()
  const { deps, kept, logged } = worker({
    keep(deliveryId) {
      if (deliveryId === 'waiting') stopping.abort()
      return deliveryId === 'waiting'
    },
  })
  await keepWhatIsNeeded(deps, stopping.signal)
  expect(kept).toEqual(['paused/1'])
  expect(logged).toEqual([])
})
