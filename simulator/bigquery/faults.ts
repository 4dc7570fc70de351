// Faults as data: a rule says on which calls it falls and what then happens; the same seed, the same calls.
import { z } from 'zod'
import { createRandom } from '../random.ts'
import { REASONS } from './errors.ts'
import { ROUTE_NAMES, type RouteName } from './routes.ts'

/** What may happen to a call. The last four are for calls that make jobs, or list rows. */
export const FAULT_KINDS = [
  'error',
  'error-after-accept',
  'drop-before-accept',
  'accept-then-drop-connection',
  'half-a-reply',
  'slow',
  'job-fails',
  'job-errors-without-result',
  'job-stays',
  'short-page',
] as const

const count = z.int().min(1)

export const faultSchema = z.strictObject({
  on: z.enum(['any', ...ROUTE_NAMES]),
  /** All conditions given must hold; none given means every call. */
  when: z
    .strictObject({
      nth: count,
      every: count,
      from: count,
      until: count,
      times: count,
      share: z.number().min(0).max(1),
      /** The id of the job begins so; of calls that make jobs, and that look at them. */
      jobIdPrefix: z.string(),
      /** The table's id, as in the path or as the load's destination. */
      table: z.string(),
    })
    .partial()
    .default({}),
  do: z.enum(FAULT_KINDS),
  /** Of `error` (which has a status of its own besides, to overrule BigQuery's) and `job-fails`. */
  reason: z.enum(REASONS).default('backendError'),
  status: z.int().min(400).max(599).optional(),
  message: z.string().optional(),
  ms: z.number().min(0).max(600_000).default(0),
  /** Of `short-page`. */
  rows: z.int().min(0).default(1),
  /** Of `job-stays`. */
  pendingPolls: z.int().min(0).optional(),
  runningPolls: z.int().min(0).optional(),
})

/** A rule as it is posted. */
export type FaultRule = z.infer<typeof faultSchema>

/** A rule with its counts. */
export interface Fault extends FaultRule {
  id: string
  /** Calls that the rule was asked about and whose route, job and table fit. */
  seen: number
  fired: number
}

/** What a rule may look at. */
export interface FaultCall {
  route: RouteName
  jobId: string
  table: string
}

/** Makes an empty set of rules. */
export function createFaults() {
  const rules = new Map<string, { fault: Fault; random: () => number }>()
  let lastId = 0
  return {
    add(rule: FaultRule, seed: number): Fault {
      const id = String(++lastId)
      const fault = { ...rule, id, seen: 0, fired: 0 }
      rules.set(id, { fault, random: createRandom(seed + lastId) })
      return fault
    },
    list: () => [...rules.values()].map(({ fault }) => fault),
    remove: (id: string) => rules.delete(id),
    clear() {
      rules.clear()
      lastId = 0
    },
    /** The fault for a call; the first rule that falls, in the order posted. */
    draw(call: FaultCall): Fault | undefined {
      let chosen: Fault | undefined
      for (const { fault, random } of rules.values()) {
        if (!fits(fault, call)) continue
        fault.seen++
        // Drawn for every call seen, so that what other rules do never shifts this rule's row of numbers.
        const drawn = fault.when.share === undefined || random() < fault.when.share
        if (chosen === undefined && drawn && isDue(fault)) {
          fault.fired++
          chosen = fault
        }
      }
      return chosen
    },
  }
}

function fits({ on, when }: Fault, call: FaultCall): boolean {
  return (
    (on === 'any' || on === call.route) &&
    (when.jobIdPrefix === undefined || call.jobId.startsWith(when.jobIdPrefix)) &&
    (when.table === undefined || call.table === when.table)
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
