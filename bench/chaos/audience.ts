// Whom a run sends to: the sample's friends on both lanes, with the rows that the plan's faults spoil.
import { createHash } from 'node:crypto'
import { type Foreseen } from './fault.ts'
import { type ChaosPlan } from './plan.ts'

export const text = 'Hello {{ title }}'

/** User id of the sample's friend of this number, as bench/sample-warehouse.ts makes it. */
export function friendId(seed: number, n: number): string {
  return `U${createHash('md5').update(`${seed}/friend/${n}`).digest('hex')}`
}

/** A text of this length is longer than LINE takes. */
const tooLong = 5_001

/** The first friends by their own names, for push; the others in groups, for multicast; malformed ids besides. */
export function segmentSql({ pushes, groupSize, recipients, faults }: ChaosPlan): string {
  const skipped = faults.flatMap(({ effects }) => effects.skipped ?? [])
  const groups = Math.max(1, Math.ceil((recipients - pushes) / groupSize))
  const broken =
    skipped.length > 0 ? `WHEN i IN (${skipped.join(', ')}) THEN repeat('x', ${tooLong})` : ''
  const nobody = faults.some(({ effects }) => effects.malformedRows)
    ? `UNION ALL SELECT user_id, 'nobody' FROM friends WHERE name = 'Nobody'`
    : ''
  const repeated = faults.reduce((sum, { effects }) => sum + (effects.repeatedRows ?? 0), 0)
  // The last friends, for multicast: with their titles once more.
  const again =
    repeated > 0
      ? `UNION ALL SELECT user_id, title FROM titled WHERE i >= ${recipients - repeated}`
      : ''
  return `WITH numbered AS (SELECT user_id, name, TRY_CAST(substr(name, 8) AS INTEGER) AS i FROM friends WHERE name <> 'Nobody'),
titled AS (SELECT user_id, i, CASE ${broken} WHEN i < ${pushes} THEN name ELSE 'group ' || (i % ${groups}) END AS title FROM numbered)
SELECT user_id, title FROM titled ${again} ${nobody}`
}

/** What the account must come to. */
export interface Expected {
  planned: number
  malformed: number
  duplicates: number
  /** User ids, sorted. */
  rejected: string[]
  skipped: string[]
  acceptedUnseen: string[]
  unknown: { from: number; to: number; because: string[] }
  isCancelled: boolean
}

/** @param met what was foreseen only when a fault had come to pass. */
export function expectedOf(
  { seed, recipients, faults }: ChaosPlan,
  met: readonly Foreseen[],
): Expected {
  const all = faults.map(({ effects }) => effects)
  const ids = (numbers: readonly number[]) => numbers.map((n) => friendId(seed, n)).toSorted()
  const unknowns = [...all.flatMap(({ unknown }) => unknown ?? []), ...met]
  const sum = (numbers: (number | undefined)[]) =>
    numbers.reduce<number>((total, n) => total + (n ?? 0), 0)
  return {
    planned: recipients,
    malformed: sum(all.map(({ malformedRows }) => malformedRows)),
    duplicates: sum(all.map(({ repeatedRows }) => repeatedRows)),
    rejected: ids(all.flatMap(({ rejected }) => rejected ?? [])),
    skipped: ids(all.flatMap(({ skipped }) => skipped ?? [])),
    acceptedUnseen: ids(all.flatMap(({ acceptedUnseen }) => acceptedUnseen ?? [])),
    unknown: {
      from: sum(unknowns.map(({ from }) => from)),
      to: sum(unknowns.map(({ to }) => to)),
      because: unknowns.map(({ because }) => because),
    },
    isCancelled: all.some(({ isCancelled }) => isCancelled),
  }
}
