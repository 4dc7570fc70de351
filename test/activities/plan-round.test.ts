// The pages of a round are cut as those of the first pass are: by batches and by recipients.
import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { createPageActivities } from '../../activities/pages.ts'
import { type Lane } from '../../domain/lane.ts'
import { batchesPerPage, recipientsPerPage } from '../../domain/plan.ts'
import { retryKey } from '../../line/retry-key.ts'

test('a page of a round has no more recipients than any page, on either lane', async () => {
  const made: { lane: Lane; batches: number[] }[] = []
  const activities = createPageActivities({
    store: {
      plans: {
        find: async () => ({ attempt: 'a', requests: { multicast: 505, push: 150_000 } }),
        addRound: async (_id: string, _round: number, pages: typeof made) =>
          void made.push(...pages),
        setNextRound: async () => undefined,
      },
      ledger: { attempted: async () => [0, 3], unresolved: async () => [3] },
    } as never,
    warehouse: {} as never,
    roundDelaysMs: [1_000],
    retryKey,
  })
  const planned = await new MockActivityEnvironment().run(
    (input: { deliveryId: string; round: number }) => activities.planRound(input),
    { deliveryId: 'd', round: 1 },
  )
  expect(planned).toEqual({ batches: 25 + 299, delayMs: 1_000 })
  const multicast = made.filter(({ lane }) => lane === 'multicast')
  const perBatch = 10_000
  expect(multicast.map(({ batches }) => batches.length)).toEqual([
    recipientsPerPage / perBatch,
    recipientsPerPage / perBatch,
    5,
  ])
  expect(multicast.flatMap(({ batches }) => batches)).toEqual(
    Array.from({ length: 25 }, (_, i) => i + 1),
  )
  const push = made.filter(({ lane }) => lane === 'push')
  expect(push.map(({ batches }) => batches.length)).toEqual([batchesPerPage, 99])
})
