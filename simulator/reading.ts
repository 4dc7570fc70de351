// Reading the phones back: what one shows, and how many got a delivery once, twice or never.
import { createByteColumn } from './columns.ts'
import { readIdLines } from './id-lines.ts'
import { countTally, type Counts } from './ledger.ts'
import { type World } from './world.ts'

export interface Received {
  at: number
  endpoint: 'push' | 'multicast'
  requestId: string
  unit: string | null
  /** Null when the messages were forgotten to bound the memory (the oldest are). */
  messages: unknown
}

/** What the phone of this user id shows, oldest first; nothing for one who blocked the account. */
export function received(world: World, userId: string): Received[] {
  const phone = world.phones.findId(userId)
  if (phone === -1) return []
  return world.ledger.log.callsOf(phone).map(({ at, endpoint, seq, unit, body }) => {
    const text = world.ledger.bodies.find(body)
    const messages: unknown = text === undefined ? null : JSON.parse(text)
    return { at, endpoint, requestId: world.requestId(seq), unit: unit ?? null, messages }
  })
}

/** Counts over the accepted calls of one unit; without a unit over all calls, and unit by unit. */
export function report(world: World, unit: string | null): Counts & { units?: Counts[] } {
  const { ledger } = world
  const counts = (name: string | null) => {
    const tally = ledger.tally(name ?? undefined)
    if (tally !== undefined) return countTally(name, tally)
    return {
      unit: name,
      recipients: { once: 0, twice: 0, phones: 0 },
      calls: { accepted: 0, push: 0, multicast: 0 },
      undelivered: 0,
    }
  }
  return unit === null ? { ...counts(null), units: ledger.units().map(counts) } : counts(unit)
}

export interface Comparison {
  /** Distinct well-formed ids in the list; an id without a phone is counted at each of its lines. */
  listed: number
  once: number
  /** In two or more accepted calls. */
  twice: number
  never: number
  /** Phones that were in an accepted call and not in the list. */
  unlisted: number
  /** Lines whose id stood in the list before. */
  repeated: number
  malformed: number
}

/** Compares a list of ids, one a line and of any length, with the accepted calls of a unit (or of all). */
export async function comparePhones(
  world: World,
  unit: string | null,
  lines: AsyncIterable<Uint8Array>,
): Promise<Comparison> {
  const { phones, ledger } = world
  const counter = ledger.tally(unit ?? undefined)?.counter
  const marked = createByteColumn()
  const found = { listed: 0, once: 0, twice: 0, never: 0, repeated: 0 }
  const { malformed } = await readIdLines(lines, ([a = 0, b = 0, c = 0, d = 0]) => {
    const phone = phones.find(a, b, c, d)
    if (phone !== -1) {
      if (marked.get(phone) === 1) {
        found.repeated++
        return
      }
      marked.set(phone, 1)
    }
    found.listed++
    const n = phone === -1 ? 0 : (counter?.get(phone) ?? 0)
    if (n === 0) found.never++
    else if (n === 1) found.once++
    else found.twice++
  })
  let unlisted = 0
  counter?.eachBlock((block, firstRow) => {
    for (let i = 0; i < block.length; i++)
      if ((block[i] as number) > 0 && marked.get(firstRow + i) === 0) unlisted++
  })
  return { ...found, unlisted, malformed }
}
