// What LINE remembers of retry keys for 24 hours: one store per channel, about 50 bytes a key.
import { createByteColumn, createFloatColumn, createWordColumn, type Column } from './columns.ts'
import { createIdIndex, readHex, type IdIndex } from './id-index.ts'

export const KEY_MEMORY_MS = 24 * 60 * 60 * 1000
const BURNT = 1

/** What is remembered of one key; valid until the next `touch`. */
export interface RetryKey {
  /** Sequence number of the accepted call, 0 while there is none. */
  readonly acceptedSeq: number
  /** True when a 4xx used the key up (only under the switch `keyBurntBy4xx`). */
  readonly burnt: boolean
  /** False when an earlier call with this key had other bytes or went to another endpoint. */
  readonly sameBody: boolean
  /** True when the key was known and had been forgotten: this call is a new one to LINE. */
  readonly reborn: boolean
  accept(seq: number, nowMs: number, clock: 'firstCall' | 'accepted'): void
  burn(): void
}

export interface RetryKeys {
  readonly size: number
  /** Finds the key, or begins its memory now. `key` is a UUID in any case; the hash is of the whole call. */
  touch(key: string, hashA: number, hashB: number, nowMs: number): RetryKey
}

interface Generation {
  index: IdIndex
  hashA: Column
  hashB: Column
  acceptedSeq: Column
  startAt: Column
  flags: Column
  firstAt: number
  lastAt: number
}

/**
 * Rows are never removed one by one: a generation takes the keys of 24 hours and is dropped whole when
 * its newest key is forgotten, so memory holds at most two days of keys.
 */
export function createRetryKeys(): RetryKeys {
  let young = createGeneration()
  let old: Generation | undefined
  const words = new Uint32Array(4)

  function rotate(nowMs: number) {
    if (old !== undefined && nowMs - old.lastAt >= KEY_MEMORY_MS) old = undefined
    if (old === undefined && young.index.size > 0 && nowMs - young.firstAt >= KEY_MEMORY_MS) {
      old = young
      young = createGeneration()
    }
  }

  function row(generation: Generation, no: number, sameBody: boolean, reborn: boolean): RetryKey {
    const { acceptedSeq, startAt, flags } = generation
    return {
      acceptedSeq: acceptedSeq.get(no),
      burnt: flags.get(no) === BURNT,
      sameBody,
      reborn,
      accept(seq, nowMs, clock) {
        acceptedSeq.set(no, seq)
        if (clock === 'firstCall') return
        startAt.set(no, nowMs)
        generation.lastAt = Math.max(generation.lastAt, nowMs)
      },
      burn: () => flags.set(no, BURNT),
    }
  }

  return {
    get size() {
      return young.index.size + (old?.index.size ?? 0)
    },
    touch(key, hashA, hashB, nowMs) {
      readHex(key.replaceAll('-', '').toLowerCase(), 0, words, 0)
      const [a = 0, b = 0, c = 0, d = 0] = words
      rotate(nowMs)
      let reborn = false
      for (const generation of old === undefined ? [young] : [young, old]) {
        const no = generation.index.find(a, b, c, d)
        if (no === -1) continue
        if (nowMs - generation.startAt.get(no) >= KEY_MEMORY_MS) {
          reborn = true
          continue
        }
        const sameBody = generation.hashA.get(no) === hashA && generation.hashB.get(no) === hashB
        return row(generation, no, sameBody, false)
      }
      const no = young.index.add(a, b, c, d)
      young.hashA.set(no, hashA)
      young.hashB.set(no, hashB)
      young.acceptedSeq.set(no, 0)
      young.flags.set(no, 0)
      young.startAt.set(no, nowMs)
      if (young.index.size === 1) young.firstAt = nowMs
      young.lastAt = Math.max(young.lastAt, nowMs)
      return row(young, no, true, reborn)
    },
  }
}

function createGeneration(): Generation {
  return {
    index: createIdIndex(),
    hashA: createWordColumn(),
    hashB: createWordColumn(),
    acceptedSeq: createFloatColumn(),
    startAt: createFloatColumn(),
    flags: createByteColumn(),
    firstAt: 0,
    lastAt: 0,
  }
}

/** LINE asks for "a UUID in hexadecimal notation", made by any method. */
export function isUuid(value: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value)
}
