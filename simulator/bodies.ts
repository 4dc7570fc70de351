// The messages that were accepted, each distinct text kept once, the oldest forgotten beyond a cap of bytes.

export interface Bodies {
  /** True when these messages were accepted before, and so need no second validation. */
  has(text: string): boolean
  /** Keeps the text and returns its number; an equal text has the same number. */
  keep(text: string): number
  /** The text with that number, or undefined when it was forgotten. */
  find(no: number): string | undefined
  /** How many texts were forgotten. */
  readonly dropped: number
}

/** @param maxBytes cap on the kept texts, two bytes a character (what the engine may need). */
export function createBodies(maxBytes: number): Bodies {
  const numberOf = new Map<string, number>()
  const textOf = new Map<number, string>()
  let lastNo = 0
  let bytes = 0
  let oldestNo = 1

  return {
    has: (text) => numberOf.has(text),
    keep(text) {
      const known = numberOf.get(text)
      if (known !== undefined) return known
      const no = ++lastNo
      numberOf.set(text, no)
      textOf.set(no, text)
      bytes += text.length * 2
      // Numbers are given in order; asking the map for its first entry would walk over all it has lost.
      while (bytes > maxBytes && oldestNo < no) {
        const oldest = textOf.get(oldestNo) ?? ''
        textOf.delete(oldestNo++)
        numberOf.delete(oldest)
        bytes -= oldest.length * 2
      }
      return no
    },
    find: (no) => textOf.get(no),
    get dropped() {
      return oldestNo - 1
    },
  }
}
