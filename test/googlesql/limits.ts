// What the emulator can't do, and BigQuery can: statements that meet one of these are told by it, not compared.

interface Limit {
  /** Why it is the emulator's own, in one sentence. */
  why: string
  /** Jobs of these steps only. */
  steps: readonly string[]
  /** In the statement, where that matters. */
  statement?: RegExp
  /** In the emulator's words, or in what was found to differ. */
  says: RegExp
}

/** In the emulator's words: a MERGE has passed the analyser, and its source is no table. */
export const mergesFromTablesOnly = 'MERGE: source must be a single-table reference'

const limits: readonly Limit[] = []

/** The limit that explains what was found, or undefined where the statement is to blame. */
export function limitFor(step: string, statement: string, found: string): string | undefined {
  return limits.find(
    (limit) =>
      limit.steps.includes(step) &&
      limit.says.test(found) &&
      (limit.statement?.test(statement) ?? true),
  )?.why
}
