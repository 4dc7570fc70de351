// The recipients of the call in hand: read and checked, then counted, then delivered to; nothing in between.
import { fieldErrors, invalidProperty, type Answer } from './answers.ts'
import { mixWords, readHex } from './id-index.ts'
import { type Ledger } from './ledger.ts'
import { type World } from './world.ts'

const MOST = 500
const ID_LENGTH = 33
const DUPLICATE_SLOTS = 2048

/** One scratch pad for all calls: a call is handled without a pause from `read` to `deliver`. */
export interface Audience {
  /** Reads `to`; returns the 400 for it, if any. */
  read(endpoint: 'push' | 'multicast', to: unknown): Answer | undefined
  /** True when a recipient is refused, or unknown where this endpoint's switch says that such a call is refused. */
  hasRefused(endpoint: 'push' | 'multicast'): boolean
  /** How many recipients something would reach: what the quota counts. */
  reachable(): number
  deliver(ledger: Ledger): void
}

export function createAudience(world: World): Audience {
  const words = new Uint32Array(4 * MOST)
  const phones = new Int32Array(MOST)
  const slots = new Uint16Array(DUPLICATE_SLOTS) // place in `phones` + 1
  const slotCall = new Float64Array(DUPLICATE_SLOTS) // the call that filled the slot
  let callNo = 0
  let size = 0
  let toGroup = false

  /** Takes `to[i]`; false when it is no user id. Skips one that stands in `to` already if `once`. */
  function take(id: unknown): boolean {
    if (typeof id !== 'string' || id.length !== ID_LENGTH || !id.startsWith('U')) return false
    const k = size * 4
    if (!readHex(id, 1, words, k)) return false
    phones[size] = world.phones.find(
      words[k] as number,
      words[k + 1] as number,
      words[k + 2] as number,
      words[k + 3] as number,
    )
    size++
    return true
  }

  /** True when the recipient taken last stands in `to` already. */
  function isRepeated(): boolean {
    const k = (size - 1) * 4
    const hash = mixWords(
      words[k] as number,
      words[k + 1] as number,
      words[k + 2] as number,
      words[k + 3] as number,
    )
    let slot = hash & (DUPLICATE_SLOTS - 1)
    while (slotCall[slot] === callNo) {
      const other = ((slots[slot] as number) - 1) * 4
      if (
        words[other] === words[k] &&
        words[other + 1] === words[k + 1] &&
        words[other + 2] === words[k + 2] &&
        words[other + 3] === words[k + 3]
      )
        return true
      slot = (slot + 1) & (DUPLICATE_SLOTS - 1)
    }
    slotCall[slot] = callNo
    slots[slot] = size
    return false
  }

  function readMany(to: unknown): Answer | undefined {
    if (to === undefined) return fieldErrors([{ message: 'May not be empty', property: 'to' }])
    if (!Array.isArray(to)) return invalidProperty('to')
    if (to.length < 1 || to.length > MOST)
      return fieldErrors([{ message: `Size must be between 1 and ${MOST}`, property: 'to' }])
    const policy = world.settings.switches.duplicateIdsInTo
    for (let i = 0; i < to.length; i++) {
      if (!take(to[i])) return invalidProperty(`to[${i}]`)
      if (policy === 'twice' || !isRepeated()) continue
      if (policy === 'reject') return invalidProperty(`to[${i}]`)
      size--
    }
    return undefined
  }

  function readOne(to: unknown): Answer | undefined {
    if (to === undefined) return fieldErrors([{ message: 'May not be empty', property: 'to' }])
    toGroup = typeof to === 'string' && /^[CR][0-9a-f]{32}$/.test(to)
    return toGroup || take(to) ? undefined : invalidProperty("'to'")
  }

  /** Whether something would be shown on the phone at this place; -1 is an id never seen. */
  function isReached(phone: number): boolean {
    return phone === -1
      ? world.settings.switches.strangers === 'friend'
      : world.phones.isFriend(phone)
  }

  return {
    read(endpoint, to) {
      callNo++
      size = 0
      toGroup = false
      return endpoint === 'push' ? readOne(to) : readMany(to)
    },
    hasRefused(endpoint) {
      const { strangers, unknownIdInPush, unknownIdInMulticast } = world.settings.switches
      const policy = endpoint === 'push' ? unknownIdInPush : unknownIdInMulticast
      const areUnknownRefused = strangers === 'unknown' && policy === 'reject'
      for (let i = 0; i < size; i++) {
        const phone = phones[i] as number
        if (phone === -1 ? areUnknownRefused : world.phones.state(phone) === 'refused') return true
      }
      return false
    },
    reachable() {
      let n = 0
      for (let i = 0; i < size; i++) if (isReached(phones[i] as number)) n++
      return n
    },
    deliver(ledger) {
      if (toGroup) ledger.addUnreached()
      for (let i = 0; i < size; i++) {
        const known = phones[i] as number
        const reached = isReached(known)
        if (known === -1 && !reached) {
          ledger.addUnreached()
          continue
        }
        const k = i * 4
        const phone =
          known !== -1
            ? known
            : world.phones.add(
                words[k] as number,
                words[k + 1] as number,
                words[k + 2] as number,
                words[k + 3] as number,
              )
        ledger.addRecipient(phone, reached)
      }
    },
  }
}
