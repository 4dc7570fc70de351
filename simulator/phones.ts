// The phones: which user ids exist, and whether each is a friend, has blocked the account, is gone or is refused.
import { createByteColumn } from './columns.ts'
import { createIdIndex, readHex } from './id-index.ts'

export const PHONE_STATES = ['friend', 'blocked', 'deleted', 'refused'] as const
export type PhoneState = (typeof PHONE_STATES)[number]

export interface Phones {
  readonly size: number
  /** The number of the phone whose id has these four words, or -1. */
  find(a: number, b: number, c: number, d: number): number
  /** The number of the phone, made now as a friend if there was none. */
  add(a: number, b: number, c: number, d: number): number
  /** The number of the phone of a user id `U` + 32 hexadecimal digits, or -1. */
  findId(userId: string): number
  idOf(phone: number): string
  state(phone: number): PhoneState
  isFriend(phone: number): boolean
  setState(phone: number, state: PhoneState): void
}

export function createPhones(): Phones {
  const index = createIdIndex()
  const states = createByteColumn() // place in PHONE_STATES, so an untouched phone is a friend
  const words = new Uint32Array(4)
  return {
    get size() {
      return index.size
    },
    find: (a, b, c, d) => index.find(a, b, c, d),
    add: (a, b, c, d) => index.add(a, b, c, d),
    findId: (userId) => {
      if (!isUserId(userId) || !readHex(userId, 1, words, 0)) return -1
      return index.find(words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0)
    },
    idOf: (phone) => `U${index.hex(phone)}`,
    state: (phone) => PHONE_STATES[states.get(phone)] ?? 'friend',
    isFriend: (phone) => states.get(phone) === 0,
    setState: (phone, state) => states.set(phone, PHONE_STATES.indexOf(state)),
  }
}

/** LINE's form of a user id: `U` and 32 lower-case hexadecimal digits. */
export function isUserId(value: unknown): value is string {
  return typeof value === 'string' && /^U[0-9a-f]{32}$/.test(value)
}
