// Plans: the first commit wins, and pages hold every batch once.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FrozenPlan } from '../../domain/plan.ts'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

/** A plan of multicast batches of 10,000, ten to a page, and one push batch. */
function plan(attempt: string, batches: number): FrozenPlan {
  const planned = batches * 10_000 + 500
  return {
    attempt,
    digest: `digest of ${attempt}`,
    lanes: {
      multicast: {
        requests: batches * 20,
        recipients: batches * 10_000,
        batchRecipients: Array.from({ length: batches }, () => 10_000),
      },
      push: { requests: 500, recipients: 500, batchRecipients: [500] },
    },
    audience: { segmentRows: planned, malformed: 0, duplicates: 0, excluded: 0, planned },
  }
}

test('of freeze attempts that commit at once the first wins, with its pages and no others', async () => {
  const { id } = await opened.delivery()
  const { plans } = opened.store
  expect(await plans.find(id)).toBeUndefined()
  const committed = await Promise.all(
    [12, 25, 38, 41].map((batches) => plans.commit(id, plan(`attempt-${batches}`, batches))),
  )
  const [winner] = committed
  expect(committed).toEqual(committed.map(() => winner))
  expect(await plans.find(id)).toEqual(winner)
  const batches = Number(winner?.attempt.split('-')[1])
  const pages = await plans.pages(id)
  expect(pages.filter(({ lane }) => lane === 'multicast').flatMap((page) => page.batches)).toEqual(
    Array.from({ length: batches }, (_, i) => i),
  )
  expect(await plans.pageCounts(id, 0)).toEqual({ multicast: Math.ceil(batches / 10), push: 1 })
})

test('a later commit is answered with the plan that stands', async () => {
  const { id } = await opened.delivery()
  const { plans } = opened.store
  const first = await plans.commit(id, plan('first', 2))
  expect(first).toMatchObject({
    attempt: 'first',
    requests: { multicast: 40, push: 500 },
    recipients: { multicast: 20_000, push: 500 },
  })
  expect(await plans.commit(id, plan('second', 30))).toEqual(first)
  expect(await plans.pageCounts(id, 0)).toEqual({ multicast: 1, push: 1 })
})

test('more pages than one insert can take are committed', async () => {
  const { id } = await opened.delivery()
  await opened.store.plans.commit(id, plan('large', 15_000))
  expect(await opened.store.plans.pageCounts(id, 0)).toEqual({ multicast: 1_500, push: 1 })
})

test('a round gets its pages once', async () => {
  const { id } = await opened.delivery()
  const { plans } = opened.store
  await plans.commit(id, plan('first', 2))
  await plans.addRound(id, 1, [{ lane: 'multicast', pageNo: 0, batches: [1] }])
  await plans.addRound(id, 1, [{ lane: 'multicast', pageNo: 0, batches: [0, 1] }])
  expect(await plans.page(id, 'multicast', 1, 0)).toEqual({
    lane: 'multicast',
    round: 1,
    pageNo: 0,
    batches: [1],
  })
  expect(await plans.pageCounts(id, 1)).toEqual({ multicast: 1, push: 0 })
  expect(await plans.page(id, 'push', 1, 0)).toBeUndefined()
})
