// The suite that every warehouse driver must pass; nothing in it knows an engine.
import { afterAll, beforeAll, describe } from 'vitest'
import { describeEvents } from './conformance/events.ts'
import { describeFreezing } from './conformance/freezing.ts'
import { describeKeeping } from './conformance/keeping.ts'
import { describeLists } from './conformance/lists.ts'
import { describeOutcomes } from './conformance/outcomes.ts'
import { describeRetrying } from './conformance/retrying.ts'
import { describeSegments } from './conformance/segments.ts'
import { factsAbout, type WarehouseUnderTest } from './conformance/under-test.ts'

/** Runs the suite against one driver. */
export function describeWarehouse(name: string, make: () => Promise<WarehouseUnderTest>): void {
  describe(`the warehouse on ${name}`, () => {
    let made: WarehouseUnderTest
    beforeAll(async () => {
      made = await make()
    })
    afterAll(() => made.dispose())

    const facts = factsAbout(() => made)
    describeSegments(facts)
    describeFreezing(facts)
    describeOutcomes(facts)
    describeRetrying(facts)
    describeEvents(facts)
    describeLists(facts)
    describeKeeping(facts)
  })
}
