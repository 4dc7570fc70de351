// What has to be found out before LINE's answer to a call can be judged: asked of LINE and of the ledger.
import { setTimeout as sleep } from 'node:timers/promises'
import { log } from '@temporalio/activity'
import { type AnsweredCall, type Circumstances, hangsOnLane, hangsOnOrder } from './after-answer.ts'
import { type AskPermit, permitLifetimeMs } from './ask-permit.ts'
import { type BatchBook } from './batch-book.ts'
import { findAcceptedKey, type FindOrder, type OrderQuestion } from './order-of-checks.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'
import { type SendBatchInput } from './send-batch.ts'

export interface CircumstancesOptions {
  ledger: Pick<ActivityDeps['store']['ledger'], 'findAccepted' | 'hasAccepted'>
  channel: OrderQuestion['channel']
  input: SendBatchInput
  book: Pick<BatchBook, 'records'>
  retryKey: MakeRetryKey
  findOrder: FindOrder
  askForPermit: AskPermit
  now: () => number
  steadyNow: () => number
  mustStop: () => boolean
}

/**
 * Makes the finder of one attempt of a batch. It never throws: what can't be found out now is not known, and LINE's
 * answer must not be lost over it.
 */
export function createFindCircumstances(options: CircumstancesOptions) {
  const { ledger, input, book, steadyNow } = options
  const { lane, deliveryId } = input

  /** LINE's order of checks on this lane, learnt by a call under a permit of its own. */
  const orderOfChecks = (about: OrderQuestion['about'], messagesJson: string) =>
    options.findOrder({
      channel: options.channel,
      lane,
      about,
      messagesJson,
      acceptedKey: () => findAcceptedKey({ ...options, batch: input, records: book.records() }),
      async permission() {
        const permit = await options.askForPermit(1, () => 0)
        if (permit.answer !== 'granted') return undefined
        // The call that was refused has a place still, and its connection is free.
        const startsAt = permit.askedAt + permit.startInMs
        await sleep(Math.max(0, startsAt - steadyNow()))
        return options.mustStop() ? undefined : startsAt + permitLifetimeMs
      },
    })

  async function hasLaneAccepted(): Promise<boolean> {
    const isAccepted = Object.values(book.records()).some(({ state }) => state === 'accepted')
    return isAccepted || (await ledger.hasAccepted(deliveryId, lane))
  }

  function unless<T>(failed: T, asked: Promise<T>): Promise<T> {
    return asked.catch((error: unknown) => {
      log.warn('What an answer of LINE means could not be found out now', { lane, error })
      return failed
    })
  }

  return async (answered: AnsweredCall, messagesJson: string): Promise<Circumstances> => ({
    order: hangsOnOrder(answered)
      ? await unless(
          'not-known',
          orderOfChecks(
            answered.answer.kind === 'content-refused' ? 'content' : 'recipients',
            messagesJson,
          ),
        )
      : 'not-known',
    hasLaneAccepted: hangsOnLane(answered) && (await unless(false, hasLaneAccepted())),
  })
}
