// The end of a delivery when parts are damaged between the account and the log.
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { createCloseActivities } from '../../activities/close-account.ts'
import { retryKey } from '../../line/retry-key.ts'

/** `materialiseLog` over a warehouse that answers one thing after the other: rows, or an error. */
function logging(answers: (number | Error)[]) {
  const parts: string[] = []
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
  return { made, parts }
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
