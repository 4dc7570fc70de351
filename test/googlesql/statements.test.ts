// Every statement of the BigQuery driver, judged by Google's own GoogleSQL analyser: npm run test:googlesql.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { describeEvents } from '../../warehouse/conformance/events.ts'
import { describeFreezing } from '../../warehouse/conformance/freezing.ts'
import { describeKeeping } from '../../warehouse/conformance/keeping.ts'
import { describeLists } from '../../warehouse/conformance/lists.ts'
import { describeOutcomes } from '../../warehouse/conformance/outcomes.ts'
import { describeRetrying } from '../../warehouse/conformance/retrying.ts'
import { describeSegments } from '../../warehouse/conformance/segments.ts'
import { factsAbout, type Facts } from '../../warehouse/conformance/under-test.ts'
import { openJudged, type JudgedWarehouse } from './open-judged.ts'

const emulator = inject('emulator')

const freezing = ['segment', 'people', 'count-rows', 'placed', 'count-requests']
const numbering = ['multicast', 'push', 'count-again', 'count-batches']

/** The suite of all warehouses, by its parts, and the steps whose statements each must have had judged. */
const suites: readonly [string, (use: Facts) => void, readonly string[]][] = [
  ['segments', describeSegments, ['dry run', 'look', 'view', ...freezing, ...numbering]],
  [
    'freezing',
    describeFreezing,
    [...freezing, 'groups', 'count-groups', ...numbering, 'malformed'],
  ],
  [
    'outcomes',
    describeOutcomes,
    [
      'reconcile',
      'silent-requests',
      'unsent',
      'drop-parts',
      'days',
      'log',
      'count-log',
      'recipients',
    ],
  ],
  ['retrying', describeRetrying, ['count-earlier', 'segment', ...numbering]],
  ['events', describeEvents, ['view', ...freezing, ...numbering]],
  ['lists', describeLists, ['list', ...freezing]],
  ['keeping', describeKeeping, ['drop-before', 'log']],
]

if ('reason' in emulator)
  describe('the SQL for BigQuery', () => {
    test(`is not judged: ${emulator.reason}`, ({ skip }) => skip(emulator.reason))
  })
else
  // An emulator for each, for it keeps every result and grows slow with the number of queries.
  describe.each(suites)('the SQL of %s', (_, describePart, steps) => {
    let made: JudgedWarehouse
    beforeAll(async () => {
      made = await openJudged(emulator.path)
    })
    afterAll(() => made.dispose())

    describePart(factsAbout(() => made))

    test('gives the same on GoogleSQL as on the simulator, in every statement', () => {
      expect(made.judge.disagreements).toEqual([])
      const silent = steps.filter((step) => !made.judge.agreed.has(step))
      expect(silent).toEqual([])
    })
  })
