// Retries what an ended delivery left undelivered: a new delivery over those recipients, with their frozen variables.
import { hasEnded } from '../domain/delivery.ts'
import { keyUsableForMs } from '../domain/ledger.ts'
import { type Account, type RetriedOutcome } from '../domain/outcome.ts'
import { type Delivery } from '../store/delivery-row.ts'
import { type ApiDeps } from './deps.ts'
import { requireDelivery } from './operate-delivery.ts'
import { Problem } from './problem.ts'
import { startWorkflow } from './start-delivery.ts'

/** What is asked for. */
export interface RetryOrder {
  outcomes: readonly RetriedOutcome[]
  number: number
  mayReachTwice?: number | undefined
  by: string
  why?: string | undefined
}

function refused(detail: string): Problem {
  return new Problem('retry-refused', detail)
}

/** Recipients as a person reads them. */
function recipients(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'recipient' : 'recipients'}`
}

function startAgain({ campaignId }: Delivery): string {
  return `lfm campaign start ${campaignId} --again <n>`
}

function requireAccount(ended: Delivery): Account {
  const { id, phase, account } = ended
  if (!hasEnded(phase))
    throw new Problem(
      'too-early',
      `Delivery ${id} has not ended yet: it is "${phase}". What it leaves undelivered is known then.`,
    )
  if (account) return account
  throw refused(
    `Delivery ${id} ended "${phase}": nothing was sent. Start its campaign again: ${startAgain(ended)}`,
  )
}

/**
 * Who is in doubt may have been reached. While their keys live, a request could be asked about under its old key, which
 * reaches nobody twice; after that a person may choose a new key, and says for how many.
 */
async function requireConsent(
  { store, now }: ApiDeps,
  id: string,
  unknown: number,
  mayReachTwice: number | undefined,
): Promise<void> {
  if (unknown === 0) return
  const until = await store.retries.keysLiveUntil(id, keyUsableForMs)
  if (until && until > now())
    throw refused(
      `${recipients(unknown)} of delivery ${id} are unknown, and their retry keys live until ${until.toISOString()}. Asking again under the old keys is not built, and under new keys it could reach them twice: retry unknown after that, and the other outcomes now.`,
    )
  if (mayReachTwice !== unknown)
    throw refused(
      `${recipients(unknown)} of delivery ${id} are unknown: LINE may have accepted the message for them, so a retry may reach them twice. To do so, say mayReachTwice: ${unknown}${mayReachTwice === undefined ? '' : `, not ${mayReachTwice}`}.`,
    )
}

/**
 * Makes retry `number` of an ended delivery, or finds it, and starts its workflow.
 * @throws Problem not-found, too-early, retry-refused
 */
export async function retryDelivery(
  deps: ApiDeps,
  id: string,
  order: RetryOrder,
): Promise<{ delivery: Delivery; isNew: boolean }> {
  const { store } = deps
  const old = await requireDelivery(deps, id)
  const account = requireAccount(old)
  const outcomes = [...new Set(order.outcomes)].sort()

  // A repeated request is answered with what it made, whatever it may have become too late for.
  const occurrence = `retry/${id}/${order.number}`
  if (!(await store.deliveries.findOccurrence(old.campaignId, occurrence))) {
    const wanted = outcomes.reduce((sum, outcome) => sum + account[outcome], 0)
    if (wanted === 0)
      throw refused(`Delivery ${id} has no recipients that are ${outcomes.join(' or ')}.`)
    if (outcomes.includes('unknown'))
      await requireConsent(deps, id, account.unknown, order.mayReachTwice)
  }
  const { number, by, why } = order
  const started = await store.retries.start({
    deliveryId: id,
    number,
    outcomes,
    by,
    why,
    at: deps.now(),
  })
  const campaign = await store.campaigns.find(old.campaignId)
  if (!started || !campaign) throw new Error(`Delivery ${id} or its campaign is gone.`)
  if (started.kind === 'dropped')
    throw refused(
      `The plan of delivery ${id} was removed on ${started.at.toISOString().slice(0, 10)} (LFM_KEEP_PLANS_DAYS): it can't be retried any more. Start its campaign again, with a segment that leaves out whom delivery_log has as accepted: ${startAgain(old)}`,
    )
  const { delivery } = started
  if (started.kind === 'taken')
    throw refused(
      `Delivery ${delivery.id} is a retry over the ${started.outcomes.join(' and ')} of delivery ${id} already. A second one could reach them twice: retry what that one leaves.`,
    )
  const had = delivery.retry?.outcomes.join(', ')
  if (had !== outcomes.join(', '))
    throw refused(
      `Retry ${number} of delivery ${id} is delivery ${delivery.id}, over ${had ?? 'others'}. Another one needs another number.`,
    )
  return { delivery: await startWorkflow(deps, delivery, campaign), isNew: started.isNew }
}
