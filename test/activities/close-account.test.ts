// The end of a delivery when parts are damaged between the account and the log.
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { createCloseActivities } from '../../activities/close-account.ts'
import { retryKey } from '../../line/retry-key.ts'
import { PersonNeeded } from '../../warehouse/port.ts'

/** `materialiseLog` over a warehouse that answers one thing after the other: rows, or an error. */
function logging(answers: (number | Error)[]) {
  const parts: string[] = []
  const shown: string[] = []
  const name = ({ lane, page, round }: { lane: string; page: string; round: number }) =>
    `${lane}-${page}-${round}`
  const activities = createCloseActivities({
    store: {
      deliveries: {
        find: async () => ({
          campaignId: 'c',
          channelId: '1',
          closingRound: 3,
          gate: { position: 'cancelled', seq: 1, why: 'enough' },
        }),
        moveGate: async () => ({
          isMoved: false,
          delivery: { phase: 'reconciling', gate: { position: 'cancelled', seq: 1 } },
        }),
        setPhase: async (_id: string, _phase: string, why: string) => void shown.push(why),
        closingRound: async () => 3,
      },
      plans: {
        find: async () => ({
          attempt: 'a1',
          requests: { multicast: 40, push: 0 },
          recipients: { multicast: 20_000, push: 0 },
        }),
        pages: async () => [{ lane: 'multicast', round: 0, pageNo: 0, batches: [0] }],
      },
      ledger: {
        attempted: async (_id: string, lane: string) => (lane === 'multicast' ? [0] : []),
        batches: async () => [],
      },
    } as never,
    warehouse: {
      async materialiseLog() {
        const answer = answers.shift() ?? 0
        if (answer instanceof Error) throw answer
        return { rows: answer }
      },
      async reconcile() {
        const answer = answers.shift()
        throw answer instanceof Error ? answer : new Error('Nothing is to be compared.')
      },
      writePart: async (part: Parameters<typeof name>[0]) => void parts.push(name(part)),
      writeUnsent: async (part: Parameters<typeof name>[0]) => void parts.push(name(part)),
    } as never,
    now: () => 0,
    retryKey,
  })
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') })
  const made = env.run((input: { deliveryId: string }) => activities.materialiseLog(input), {
    deliveryId: 'd1',
  })
  const compare = () =>
    env.run((input: Parameters<typeof activities.reconcile>[0]) => activities.reconcile(input), {
      deliveryId: 'd1',
      closingRound: 3,
      closedBecause: null,
    })
  return { made, parts, shown, compare }
}

test('a log with a row for everybody is made once, and no part is touched', async () => {
  const { made, parts } = logging([20_000])
  expect(await made).toEqual({ rows: 20_000 })
  expect(parts).toEqual([])
})

test.each([
  ['lacks rows', 12_000],
  ['can not be made', new Error('a part can not be read')],
])('where the log %s, every part is made again from the ledger first', async (_, first) => {
  const { made, parts } = logging([first, 20_000])
  expect(await made).toEqual({ rows: 20_000 })
  expect(parts).toEqual([
    'multicast-0-0',
    'multicast-rest-3',
    'multicast-never-reached-3',
    'push-rest-3',
  ])
})

test('a log that still lacks rows is no end of a delivery', async () => {
  const { made } = logging([12_000, 12_000])
  await expect(made).rejects.toThrow(/has 12000 rows, its plan 20000 recipients/)
})

test('a log that needs a person is not made again from the ledger, and says what to do', async () => {
  const needed = new PersonNeeded('log-gone', 'Bring it back.')
  const { made, parts, shown } = logging([needed])
  await expect(made).rejects.toBe(needed)
  expect(parts).toEqual([])
  expect(shown).toEqual(['Bring it back.'])
})

test('where the plan is gone there is no account, and the reason is what to do', async () => {
  const { made, compare } = logging([20_000, new PersonNeeded('plan-gone', 'Bring it back.')])
  await made
  expect(await compare()).toEqual({ kind: 'differs', why: 'Bring it back.' })
})
