// The truth about deliveries: how often each phone was in an accepted call, per unit, and what it shows.
import { createBodies, type Bodies } from './bodies.ts'
import { createByteColumn, type Column } from './columns.ts'
import { createDeliveryLog, type DeliveryLog } from './delivery-log.ts'

export interface Acceptance {
  at: number
  endpoint: 'push' | 'multicast'
  /** Sequence number of the call, from which its request id is made. */
  seq: number
  unit: string | undefined
  messages: string
}

export interface Counts {
  unit: string | null
  recipients: { once: number; twice: number; phones: number }
  calls: { accepted: number; push: number; multicast: number }
  /** Recipients of accepted calls whom nothing reached: blocked, deleted or unknown. */
  undelivered: number
}

export interface Tally {
  counter: Column
  push: number
  multicast: number
  undelivered: number
}

export interface Ledger {
  readonly bodies: Bodies
  readonly log: DeliveryLog
  /** Begins the record of an accepted call; every recipient is then added to it, at once. */
  begin(acceptance: Acceptance): void
  /** One recipient of the call begun last; `reached` is false for who shows nothing. */
  addRecipient(phone: number, reached: boolean): void
  /** A recipient without a phone (unknown and skipped, or a group). */
  addUnreached(): void
  /** The counters of one unit, or of all calls when no unit is named. */
  tally(unit?: string): Tally | undefined
  units(): string[]
}

const BODY_BYTES = 128 * 1024 * 1024

export function createLedger(): Ledger {
  const bodies = createBodies(BODY_BYTES)
  const log = createDeliveryLog()
  const all = createTally()
  const byUnit = new Map<string, Tally>()
  let current: Tally | undefined

  function addUnreached() {
    all.undelivered++
    if (current !== undefined) current.undelivered++
  }

  return {
    bodies,
    log,
    begin({ at, endpoint, seq, unit, messages }) {
      current = undefined
      if (unit !== undefined) {
        current = byUnit.get(unit)
        if (current === undefined) {
          current = createTally()
          byUnit.set(unit, current)
        }
        current[endpoint]++
      }
      all[endpoint]++
      log.begin({ at, endpoint, seq, unit, body: bodies.keep(messages) })
    },
    addRecipient(phone, reached) {
      all.counter.bump(phone)
      current?.counter.bump(phone)
      if (reached) log.add(phone)
      else addUnreached()
    },
    addUnreached,
    tally: (unit) => (unit === undefined ? all : byUnit.get(unit)),
    units: () => [...byUnit.keys()],
  }
}

function createTally(): Tally {
  return { counter: createByteColumn(), push: 0, multicast: 0, undelivered: 0 }
}

/** Counts phones by how many accepted calls they were in. `twice` means two or more. */
export function countTally(unit: string | null, tally: Tally): Counts {
  let once = 0
  let twice = 0
  tally.counter.eachBlock((block) => {
    for (let i = 0; i < block.length; i++) {
      const n = block[i] as number
      if (n === 1) once++
      else if (n > 1) twice++
    }
  })
  const { push, multicast, undelivered } = tally
  return {
    unit,
    recipients: { once, twice, phones: once + twice },
    calls: { accepted: push + multicast, push, multicast },
    undelivered,
  }
}
