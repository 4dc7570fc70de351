// What inserts and patches have in common: numbers as texts, labels, and null for what is taken away.
import { z } from 'zod'

/** A whole number, or the text of one. */
export const whole = z.union([z.string().regex(/^\d+$/), z.number()]).transform(Number)

/** Labels; null takes one away. */
export const labels = z.record(z.string(), z.string().nullable())

/** Labels without those that are taken away. */
export function withoutNulls(given: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

/** An object with the key, unless there is no value. */
export function optional<K extends string, V>(
  key: K,
  value: V | null | undefined,
): Partial<Record<K, V>> {
  return value === null || value === undefined ? {} : ({ [key]: value } as Record<K, V>)
}

/** Sets a key, or takes it away for null; leaves it where nothing is given. */
export function change<T extends object, K extends keyof T>(
  target: T,
  key: K,
  value: T[K] | null | undefined,
) {
  if (value === null) delete target[key]
  else if (value !== undefined) target[key] = value
}
