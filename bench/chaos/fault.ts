// What a kind of fault is: drawn from the seed as plain parameters, run against a system, with foreseen effects.
import { type LineLane } from './line-control.ts'
import { type ChaosSystem } from './system.ts'
import { type Random } from './random.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type Params = { readonly [key: string]: Json }

/** What faults may draw from. */
export interface Facts {
  recipients: number
  /** Friends below this number are pushed to, each by the own name. */
  pushes: number
  /** Friends that no other fault has taken, of one lane. */
  takeFriends(lane: 'multicast' | 'push', count: number): number[]
  /** A time of the table, or less where outages are shortened. */
  ms(fullLength: number): number
}

/** What a fault changes in the account; nothing where it is left out. */
export interface Effects {
  /** Friends by number. */
  rejected?: readonly number[]
  skipped?: readonly number[]
  /** Friends whom LINE takes for accepted and shows nothing. */
  acceptedUnseen?: readonly number[]
  /** How many may stay unknown, and why. */
  unknown?: Foreseen
  /** The product pauses by itself with such a reason, and an operator resumes. */
  pausesFor?: RegExp
  /** Added to the segment: rows of nobody. */
  malformedRows?: number
  /** Added to the segment: rows that are there already. */
  repeatedRows?: number
  /** Friends whom the simulated LINE has never seen. */
  notLoaded?: readonly number[]
  /** Of the simulated LINE, throughout. */
  switches?: Readonly<Record<string, string | boolean>>
  /** Whether it ends cancelled, with some recipients unsent. */
  isCancelled?: boolean
}

/** A number of recipients, both ends included. */
export interface Foreseen {
  from: number
  to: number
  because: string
}

/** A fault with its draw. */
export interface DrawnFault {
  kind: string
  /** Share of the requests that LINE has accepted when it begins; `own` where it looks for its point by itself. */
  at: number | 'own'
  /** The lane whose share counts; both where it is left out. */
  lane?: LineLane
  params: Params
  effects: Effects
  /** Before the delivery is started. */
  prepare(system: ChaosSystem): Promise<void>
  /** Resolves when it is over, with a note of how it hit. @throws NotHit */
  run(system: ChaosSystem): Promise<string>
}

export interface FaultKind {
  name: string
  /** Whether it kills a worker with -9, and is drawn as one of the kills. */
  isKill: boolean
  /** `end` is `sending`, after all others. */
  point: 'sending' | 'own' | 'end'
  /** Kinds that are not drawn beside it. */
  excludes: readonly string[]
  draw(random: Random, facts: Facts): Omit<DrawnFault, 'at'>
}

/** The fault did not come to pass at its point: the run proves nothing and fails. */
export class NotHit extends Error {
  override readonly name = 'NotHit'
}

/** Makes a kind of fault of its parts. */
export function faultKind<P extends Params>(kind: {
  name: string
  /** Default false. */
  isKill?: boolean
  /** Default `sending`. */
  point?: FaultKind['point']
  excludes?: readonly string[]
  draw(random: Random, facts: Facts): P
  effects?(params: NoInfer<P>): Effects
  lane?(params: NoInfer<P>): LineLane | undefined
  prepare?(system: ChaosSystem, params: NoInfer<P>): Promise<void>
  run(system: ChaosSystem, params: NoInfer<P>): Promise<string>
}): FaultKind {
  const { name, isKill = false, point = 'sending', excludes = [] } = kind
  return {
    name,
    isKill,
    point,
    excludes,
    draw(random, facts) {
      const params = kind.draw(random, facts)
      const lane = kind.lane?.(params)
      return {
        kind: name,
        ...(lane && { lane }),
        params,
        effects: kind.effects?.(params) ?? {},
        prepare: async (system) => kind.prepare?.(system, params),
        run: (system) => kind.run(system, params),
      }
    },
  }
}
