// What may become of a recipient, and the account that every delivery ends with.

/** The five final outcomes; their definitions are in docs/glossary.md. */
export type Outcome = 'accepted' | 'rejected' | 'unknown' | 'skipped' | 'unsent'

/** All outcomes, in the order of the account. */
export const outcomes: readonly Outcome[] = ['accepted', 'rejected', 'unknown', 'skipped', 'unsent']

/** Outcomes that may be retried: nobody who was accepted is sent to again. */
export type RetriedOutcome = Exclude<Outcome, 'accepted'>

/** How many recipients came to which outcome; each term is counted by itself, none by subtraction. */
export interface Account {
  planned: number
  accepted: number
  rejected: number
  unknown: number
  skipped: number
  unsent: number
}

/** An account in which nothing has been counted yet. */
export const emptyAccount: Account = {
  planned: 0,
  accepted: 0,
  rejected: 0,
  unknown: 0,
  skipped: 0,
  unsent: 0,
}

/** Whether every planned recipient has exactly one outcome, as far as sums can show it. */
export function addsUp(account: Account): boolean {
  return account.planned === outcomes.reduce((sum, outcome) => sum + account[outcome], 0)
}
