import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOf, lanes, requestsOf, requestsPerBatch } from '../../domain/lane.ts'
import { batchesPerPage, pagesOf, recipientsPerPage } from '../../domain/plan.ts'

describe('the pages of a lane', () => {
  const batchSizes = fc.array(fc.integer({ min: 1, max: 10_000 }), { maxLength: 1_000 })

  test('hold every batch exactly once, in order', () => {
    fc.assert(
      fc.property(batchSizes, (sizes) => {
        const covered = pagesOf(sizes).flatMap(({ fromBatch, toBatch }) =>
          Array.from({ length: toBatch - fromBatch }, (_, i) => fromBatch + i),
        )
        expect(covered).toEqual(sizes.map((_, batchNo) => batchNo))
      }),
    )
  })

  test('never exceed the batches and recipients of a page', () => {
    fc.assert(
      fc.property(batchSizes, (sizes) => {
        for (const { fromBatch, toBatch } of pagesOf(sizes)) {
          expect(toBatch - fromBatch).toBeLessThanOrEqual(batchesPerPage)
          const recipients = sizes.slice(fromBatch, toBatch).reduce((a, b) => a + b, 0)
          expect(recipients).toBeLessThanOrEqual(recipientsPerPage)
        }
      }),
    )
  })

  test('are none where there is no batch', () => {
    expect(pagesOf([])).toEqual([])
  })
})

test('every request of a lane is in exactly the batch that holds its range', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...lanes),
      fc.integer({ min: 1, max: 100_000 }),
      fc.nat(),
      (lane, laneRequests, pick) => {
        const requestNo = pick % laneRequests
        const { fromRequest, toRequest } = requestsOf(lane, batchOf(lane, requestNo), laneRequests)
        expect(requestNo).toBeGreaterThanOrEqual(fromRequest)
        expect(requestNo).toBeLessThan(toRequest)
        expect(toRequest).toBeLessThanOrEqual(laneRequests)
        expect(toRequest - fromRequest).toBeLessThanOrEqual(requestsPerBatch[lane])
      },
    ),
  )
})
