// Numbers 128-bit ids (user ids, retry keys) from 0 upwards: 16 bytes an id and about 7 for finding it.

const BLOCK_BITS = 18
const BLOCK_MASK = (1 << BLOCK_BITS) - 1

export interface IdIndex {
  readonly size: number
  /** The number of the id made of four 32-bit words, or -1. */
  find(a: number, b: number, c: number, d: number): number
  /** The number of the id, given now if it had none; numbers are given in order: 0, 1, 2… */
  add(a: number, b: number, c: number, d: number): number
  /** The id with that number, as 32 lower-case hexadecimal digits. */
  hex(no: number): string
}

export function createIdIndex(): IdIndex {
  const blocks: Uint32Array[] = []
  let slots = new Uint32Array(1024) // number + 1; 0 is an empty slot
  let size = 0

  const word = (no: number, k: number) =>
    blocks[no >>> BLOCK_BITS]?.[(no & BLOCK_MASK) * 4 + k] ?? 0

  /** The slot that holds the id, or the empty one where it belongs. */
  function slotOf(a: number, b: number, c: number, d: number): number {
    const mask = slots.length - 1
    let slot = mixWords(a, b, c, d) & mask
    for (;;) {
      const entry = slots[slot] as number
      if (entry === 0) return slot
      const block = blocks[(entry - 1) >>> BLOCK_BITS] as Uint32Array
      const at = ((entry - 1) & BLOCK_MASK) * 4
      if (block[at] === a && block[at + 1] === b && block[at + 2] === c && block[at + 3] === d)
        return slot
      slot = (slot + 1) & mask
    }
  }

  function grow() {
    const mask = slots.length * 2 - 1
    slots = new Uint32Array(mask + 1)
    for (let no = 0; no < size; no++) {
      let slot = mixWords(word(no, 0), word(no, 1), word(no, 2), word(no, 3)) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = no + 1
    }
  }

  return {
    get size() {
      return size
    },
    find: (a, b, c, d) => (slots[slotOf(a, b, c, d)] as number) - 1,
    add(a, b, c, d) {
      const slot = slotOf(a, b, c, d)
      const known = slots[slot] as number
      if (known !== 0) return known - 1
      const no = size++
      const block = (blocks[no >>> BLOCK_BITS] ??= new Uint32Array(4 << BLOCK_BITS))
      block.set([a, b, c, d], (no & BLOCK_MASK) * 4)
      slots[slot] = no + 1
      if (size > slots.length * 0.7) grow()
      return no
    },
    hex: (no) => [0, 1, 2, 3].map((k) => word(no, k).toString(16).padStart(8, '0')).join(''),
  }
}

/** A hash of an id. Test data likes ids that count upwards, so all four words reach the low bits. */
export function mixWords(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b)
  h = Math.imul(h ^ b ^ (h >>> 15), 0xc2b2ae35)
  h = Math.imul(h ^ c ^ (h >>> 13), 0x27d4eb2f)
  h = Math.imul(h ^ d ^ (h >>> 16), 0x165667b1)
  return (h ^ (h >>> 15)) >>> 0
}

/** The value of each character code as a lower-case hexadecimal digit, or 255. */
const DIGIT = new Uint8Array(256).fill(255)
for (let i = 0; i < 16; i++) DIGIT[i.toString(16).charCodeAt(0)] = i

/**
 * Reads 32 lower-case hexadecimal digits of a string into four words of `out` from `outAt`.
 * Returns false when a character is none of 0-9a-f.
 */
export function readHex(text: string, from: number, out: Uint32Array, outAt: number): boolean {
  for (let k = 0; k < 4; k++) {
    let value = 0
    for (let i = from + k * 8, end = i + 8; i < end; i++) {
      const code = text.charCodeAt(i)
      const digit = code < 256 ? (DIGIT[code] as number) : 255
      if (digit === 255) return false
      value = (value << 4) | digit
    }
    out[outAt + k] = value
  }
  return true
}

/** The same, from bytes. */
export function readHexBytes(bytes: Uint8Array, from: number, out: Uint32Array): boolean {
  for (let k = 0; k < 4; k++) {
    let value = 0
    for (let i = from + k * 8, end = i + 8; i < end; i++) {
      const digit = DIGIT[bytes[i] ?? 0] as number
      if (digit === 255) return false
      value = (value << 4) | digit
    }
    out[k] = value
  }
  return true
}
