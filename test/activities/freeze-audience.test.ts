// What the tries of one delivery's freeze are called, and what becomes of their work when an activity ends.
import { ActivityCancellationDetails } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { createFreezeActivities } from '../../activities/freeze-audience.ts'
import { type Gate } from '../../domain/delivery.ts'
import { type FrozenPlan } from '../../domain/plan.ts'
import { HandedOver, PersonNeeded, type FreezeRequest } from '../../warehouse/port.ts'

const logger = new DefaultLogger('ERROR')
const input = { deliveryId: 'd1' }

/** A delivery without a plan, over a warehouse that freezes as told. */
function freezing(
  resumesFreeze: boolean,
  freeze: (request: FreezeRequest, signal: AbortSignal) => Promise<FrozenPlan>,
) {
  const gate: Gate = { position: 'open', seq: 0 }
  const phases: string[] = []
  const activities = createFreezeActivities({
    store: {
      deliveries: {
        find: async () => ({
          id: 'd1',
          campaignId: 'c1',
          segmentSql: 'SELECT 1',
          renderedAsOf: new Date(0),
          phase: 'freezing',
          gate,
          retry: null,
        }),
        async moveGate(_id: string, to: Gate['position'], { why }: { why: string }) {
          if (gate.position === 'open') Object.assign(gate, { position: to, why })
          return { isMoved: true, delivery: { gate, phase: 'freezing' } }
        },
        setPhase: async (_id: string, _phase: string, why: string) => void phases.push(why),
      },
      plans: {
        find: async () => undefined,
        commit: async () => ({
          attempt: 'x',
          requests: { multicast: 0, push: 0 },
          recipients: { multicast: 0, push: 0 },
        }),
      },
      contents: { find: async () => ({ variables: [] }) },
    } as never,
    warehouse: { resumesFreeze, freeze, dropOtherAttempts: async () => undefined } as never,
  })
  return { gate, phases, run: (order: typeof input) => activities.freezeAudience(order) }
}

const attempt = (no: number) => new MockActivityEnvironment({ attempt: no }, { logger })

test.each([
  ['have one name where the warehouse resumes them', true, 1],
  ['have each a name of its own elsewhere', false, 3],
])('tries of a freeze %s', async (_, resumesFreeze, names) => {
  const seen: string[] = []
  const { run } = freezing(resumesFreeze, async (request) => {
    seen.push(request.attempt)
    return {} as FrozenPlan
  })
  for (const no of [1, 2, 2]) await attempt(no).run(run, input)
  expect(new Set(seen).size).toBe(names)
})

/** A freeze that ends with its signal, whose reason it rejects with. */
const untilAborted = (_: unknown, signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  )

test.each([
  ['is handed over while its delivery goes on', 'open', true],
  ['is cancelled with its delivery', 'cancelled', false],
] as const)('a freeze whose activity ends %s', async (_, position, isHandedOver) => {
  const reasons: unknown[] = []
  const begun = Promise.withResolvers<undefined>()
  const { gate, run } = freezing(true, async (request, signal) => {
    signal.addEventListener('abort', () => reasons.push(signal.reason))
    begun.resolve(undefined)
    return untilAborted(request, signal)
  })
  const env = attempt(1)
  const running = env.run(run, input)
  await begun.promise
  gate.position = position
  env.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }))
  // What Temporal is told is its own word in either case.
  await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' })
  expect(reasons.map((reason) => reason instanceof HandedOver)).toEqual([isHandedOver])
})

test('a freeze that needs a person pauses its delivery with what to do, and is tried again', async () => {
  const needed = new PersonNeeded('plan-gone', 'Bring it back.')
  const { gate, run } = freezing(true, () => Promise.reject(needed))
  await expect(attempt(1).run(run, input)).rejects.toBe(needed)
  expect(gate).toMatchObject({ position: 'paused', why: 'Bring it back.' })
})

test('of a delivery that is cancelled the reason is shown beside its state', async () => {
  const needed = new PersonNeeded('no-access', 'Grant it.')
  const { gate, phases, run } = freezing(true, () => Promise.reject(needed))
  gate.position = 'cancelled'
  await expect(attempt(1).run(run, input)).rejects.toBe(needed)
  expect(gate.position).toBe('cancelled')
  expect(phases).toEqual(['Grant it.'])
})
