// Which LINE does first: look whether a retry key was accepted, or refuse a call. It is undocumented.
import { type Lane } from '../domain/lane.ts'
import { keyUsableForMs, type LedgerRecord, type LedgerRecords, pieceOf } from '../domain/ledger.ts'
import { type LineCall } from '../line/port.ts'
import { type Ledger } from '../store/ledger.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'

export type OrderOfChecks =
  /** A refusal says that the key was not accepted before. */
  | 'key-first'
  /** A refusal says nothing of earlier calls with the key. */
  | 'refusal-first'
  | 'not-known'

/** An id that no user has. LINE refuses it by its form, so a call that names nobody else reaches nobody. */
const nobody = 'not-a-user-id'
/** How long an answer is believed before LINE is asked again. */
const believedForMs = 3_600_000

export interface OrderQuestion {
  channel: LineCall['channel']
  lane: LineCall['lane']
  /** What LINE has refused: whether it looks at that before the key, or after. */
  about: 'recipients' | 'content'
  /** The messages that were refused; where it is about recipients, messages that are in order. */
  messagesJson: string
  /** A key that LINE has accepted on this lane and can't have forgotten. */
  acceptedKey(): Promise<string | undefined>
  /** Leave to start one call: by the steady clock, until when; undefined where there is none. */
  permission(): Promise<number | undefined>
}

/** Answers at once where it is known of the lane; `not-known` where it can't be asked now. */
export type FindOrder = (question: OrderQuestion) => Promise<OrderOfChecks>

/**
 * Learns LINE's order by calling again an accepted key, to nobody. Where the key is looked at first LINE says 409,
 * else 400; nothing is sent either way. See docs/decisions/0014.
 */
export function createFindOrder({
  line,
  steadyNow,
}: Pick<ActivityDeps, 'line'> & { steadyNow: () => number }): FindOrder {
  const known = new Map<string, { order: OrderOfChecks; at: number }>()
  const asking = new Map<string, Promise<OrderOfChecks>>()

  async function ask(question: OrderQuestion): Promise<OrderOfChecks> {
    const { channel, lane, messagesJson } = question
    const retryKey = await question.acceptedKey()
    if (retryKey === undefined) return 'not-known'
    const startBy = await question.permission()
    if (startBy === undefined) return 'not-known'
    const answer = await line.send({
      channel,
      lane,
      to: [nobody],
      startBy: performance.now() + startBy - steadyNow(),
      messagesJson,
      notificationDisabled: false,
      aggregationUnit: null,
      retryKey,
    })
    switch (answer.kind) {
      case 'accepted-earlier':
        return 'key-first'
      case 'recipient-refused':
      case 'some-recipient-refused':
        return 'refusal-first'
      case 'content-refused':
        return question.about === 'content' ? 'refusal-first' : 'not-known'
      default:
        return 'not-known'
    }
  }

  return async (question) => {
    const name = `${question.channel.lineChannelId}/${question.lane}/${question.about}`
    const earlier = known.get(name)
    if (earlier !== undefined && steadyNow() - earlier.at < believedForMs) return earlier.order
    // Of many that want to know at once one asks: no key may be on the wire twice.
    let answer = asking.get(name)
    if (answer === undefined) {
      answer = ask(question).finally(() => asking.delete(name))
      asking.set(name, answer)
    }
    const order = await answer
    if (order !== 'not-known') known.set(name, { order, at: steadyNow() })
    return order
  }
}

/** A key that LINE accepted and still remembers: of this batch, or of any on the same lane of the channel. */
export async function findAcceptedKey(options: {
  ledger: Pick<Ledger, 'findAccepted'>
  batch: { deliveryId: string; lineChannelId: string; lane: Lane }
  records: LedgerRecords
  retryKey: MakeRetryKey
  now: () => number
}): Promise<string | undefined> {
  const { batch, ledger, retryKey } = options
  const { lineChannelId, lane } = batch
  const isRemembered = ({ state, firstCallAt }: LedgerRecord) =>
    state === 'accepted' &&
    firstCallAt !== undefined &&
    options.now() - Date.parse(firstCallAt) < keyUsableForMs
  const own = Object.entries(options.records).find(([, record]) => isRemembered(record))
  const found =
    own !== undefined
      ? { deliveryId: batch.deliveryId, name: own[0], record: own[1] }
      : await ledger.findAccepted(lineChannelId, lane, keyUsableForMs)
  if (found === undefined) return undefined
  const { requestNo, fromOrdinal, toOrdinal, isSplit } = pieceOf(found.name, found.record)
  return retryKey({
    deliveryId: found.deliveryId,
    lane,
    requestNo,
    ...(isSplit && { fromOrdinal, toOrdinal }),
    generation: found.record.generation,
  })
}
