// Faults as data: a rule says on which calls it falls and what then happens; the same seed, the same calls.
import { z } from 'zod'
import { createRandom } from './random.ts'

export const FAULT_KINDS = [
  '429-rate',
  '429-quota',
  '429-user',
  '500-before-accept',
  '500-after-accept',
  '503',
  'accept-then-drop-connection',
  'drop-before-accept',
  'refuse-connection',
  'slow',
  'half-a-reply',
  'garbage-body',
  '401',
  '403',
  '400-bad-user',
  '400-unnamed',
  '400-content',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export const FAULT_TARGETS = [
  'any',
  'push',
  'multicast',
  'validate',
  'token',
  'quota',
  'consumption',
  'profile',
  'followers',
  'info',
  'aggregation',
] as const

const count = z.int().min(1)

/** `when`: all conditions given must hold; none given means every call. */
export const faultSchema = z
  .strictObject({
    on: z.enum(FAULT_TARGETS),
    when: z
      .strictObject({
        nth: count,
        every: count,
        share: z.number().min(0).max(1),
        from: count,
        until: count,
        times: count,
        containsUser: z.string(),
        unit: z.string(),
      })
      .partial()
      .default({}),
    do: z.enum(FAULT_KINDS),
    ms: z.number().min(0).max(600_000).optional(),
    index: z.int().min(0).max(499).optional(),
  })
  .refine((fault) => fault.do !== 'slow' || fault.ms !== undefined, {
    path: ['ms'],
    error: 'a slow fault needs ms, the time to wait',
  })
  .refine(
    (fault) =>
      fault.do !== 'refuse-connection' ||
      (fault.when.containsUser === undefined && fault.when.unit === undefined),
    {
      path: ['when'],
      error: 'a connection is refused before its body is read, so its users and unit are not known',
    },
  )

export type FaultRule = z.infer<typeof faultSchema>

export interface Fault extends FaultRule {
  id: string
  /** Calls that the rule was asked about and whose endpoint, user and unit fit. */
  seen: number
  fired: number
}

/** What a rule may look at; recipients and unit are known once the body is read. */
export interface FaultCall {
  endpoint: string
  to: readonly unknown[]
  unit: string | undefined
}

export interface Faults {
  add(rule: FaultRule, seed: number): Fault
  list(): Fault[]
  remove(id: string): boolean
  clear(): void
  /** The fault for a call that has just arrived (only `refuse-connection`). */
  onArrival(endpoint: string): Fault | undefined
  /** The fault for a call whose token and rate are in order; the first rule that falls, in the order posted. */
  onCall(call: FaultCall): Fault | undefined
}

export function createFaults(): Faults {
  const rules = new Map<string, { fault: Fault; random: () => number }>()
  let lastId = 0

  function draw(call: FaultCall, arriving: boolean): Fault | undefined {
    let chosen: Fault | undefined
    for (const { fault, random } of rules.values()) {
      if ((fault.do === 'refuse-connection') !== arriving || !fits(fault, call)) continue
      fault.seen++
      // Drawn for every call seen, so that what other rules do never shifts this rule's row of numbers.
      const drawn = fault.when.share === undefined || random() < fault.when.share
      if (chosen === undefined && drawn && isDue(fault)) {
        fault.fired++
        chosen = fault
      }
    }
    return chosen
  }

  return {
    add(rule, seed) {
      const id = String(++lastId)
      const fault = { ...rule, id, seen: 0, fired: 0 }
      rules.set(id, { fault, random: createRandom(seed + lastId) })
      return fault
    },
    list: () => [...rules.values()].map(({ fault }) => fault),
    remove: (id) => rules.delete(id),
    clear: () => {
      rules.clear()
      lastId = 0
    },
    onArrival: (endpoint) =>
      rules.size === 0 ? undefined : draw({ endpoint, to: [], unit: undefined }, true),
    onCall: (call) => (rules.size === 0 ? undefined : draw(call, false)),
  }
}

function fits({ on, when }: Fault, call: FaultCall): boolean {
  return (
    (on === 'any' || on === call.endpoint) &&
    (when.unit === undefined || when.unit === call.unit) &&
    (when.containsUser === undefined || call.to.includes(when.containsUser))
  )
}

function isDue({ when, seen, fired }: Fault): boolean {
  return (
    (when.nth === undefined || seen === when.nth) &&
    (when.every === undefined || seen % when.every === 0) &&
    (when.from === undefined || seen >= when.from) &&
    (when.until === undefined || seen <= when.until) &&
    (when.times === undefined || fired < when.times)
  )
}
