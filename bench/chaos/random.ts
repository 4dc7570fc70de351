// Draws that follow from a seed alone: the same seed and topic give the same row of numbers on every machine.
import { createHash } from 'node:crypto'

export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number, both ends included. */
  whole(from: number, to: number): number
  isTrue(share: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
  /** A new list in another order. */
  shuffled<T>(items: readonly T[]): T[]
  /** Different whole numbers in [from, to), in the order drawn. */
  distinct(count: number, from: number, to: number): number[]
}

/** @param topic keeps draws apart, so that a further kind of fault does not change what others draw. */
export function createRandom(seed: number, topic: string): Random {
  let drawn = 0
  const next = () => {
    const digest = createHash('sha256').update(`${seed}/${topic}/${drawn++}`).digest()
    return digest.readUIntBE(0, 6) / 2 ** 48
  }
  const whole = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    whole,
    isTrue: (share) => next() < share,
    pick: (items) => items[whole(0, items.length - 1)] ?? items[0],
    shuffled: (items) =>
      items
        .map((item) => ({ item, place: next() }))
        .toSorted((a, b) => a.place - b.place)
        .map(({ item }) => item),
    distinct(count, from, to) {
      const found = new Set<number>()
      while (found.size < Math.min(count, to - from)) found.add(whole(from, to - 1))
      return [...found]
    },
  }
}
