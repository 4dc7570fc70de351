// Reads user ids, one a line, from a stream of any length without holding the stream or making strings.
import { readHexBytes } from './id-index.ts'

const ID_LENGTH = 33
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const LETTER_U = 0x55

/**
 * Calls `visit` with the four words of each well-formed id (the array is reused between calls).
 * Empty lines are passed over. Returns how many lines were no user id.
 */
export async function readIdLines(
  stream: AsyncIterable<Uint8Array>,
  visit: (words: Uint32Array) => void,
): Promise<{ malformed: number }> {
  const words = new Uint32Array(4)
  const held = new Uint8Array(ID_LENGTH + 2) // the start of a line whose end is in the next chunk
  let heldLength = 0
  let malformed = 0

  function line(bytes: Uint8Array, from: number, to: number) {
    const end = to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to
    if (end === from) return
    const wellFormed =
      end - from === ID_LENGTH && bytes[from] === LETTER_U && readHexBytes(bytes, from + 1, words)
    if (wellFormed) visit(words)
    else malformed++
  }

  for await (const chunk of stream) {
    let from = 0
    while (from < chunk.length) {
      const lineFeed = chunk.indexOf(LINE_FEED, from)
      const to = lineFeed === -1 ? chunk.length : lineFeed
      if (lineFeed !== -1 && heldLength === 0) {
        line(chunk, from, to)
      } else {
        // Bytes that don't fit are dropped: such a line is too long to be an id anyway.
        const part = chunk.subarray(from, Math.min(to, from + held.length - heldLength))
        held.set(part, heldLength)
        heldLength += part.length
        if (lineFeed !== -1) {
          line(held, 0, heldLength)
          heldLength = 0
        }
      }
      from = to + 1
    }
  }
  line(held, 0, heldLength)
  return { malformed }
}
