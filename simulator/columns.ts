// Columns of numbers that grow by blocks, so that ten million rows cost their bytes and no copying.

const BLOCK_BITS = 16
const BLOCK = 1 << BLOCK_BITS
const MASK = BLOCK - 1

/** One number per row; a row never written reads 0. */
export interface Column {
  get(row: number): number
  set(row: number, value: number): void
  /** Adds one, staying at 255: enough to tell never, once and more than once apart. */
  bump(row: number): void
  /** Calls `visit` with each stored block and the row it begins at; absent blocks are all 0. */
  eachBlock(visit: (block: ArrayLike<number>, firstRow: number) => void): void
}

/** Bytes: states and saturating counters. */
export function createByteColumn(): Column {
  return createColumn((length) => new Uint8Array(length))
}

/** Unsigned 32-bit words. */
export function createWordColumn(): Column {
  return createColumn((length) => new Uint32Array(length))
}

/** Doubles: instants and sequence numbers. */
export function createFloatColumn(): Column {
  return createColumn((length) => new Float64Array(length))
}

function createColumn(make: (length: number) => Uint8Array | Uint32Array | Float64Array): Column {
  const blocks: (Uint8Array | Uint32Array | Float64Array | undefined)[] = []
  const blockOf = (row: number) => {
    const no = row >>> BLOCK_BITS
    return (blocks[no] ??= make(BLOCK))
  }
  return {
    get: (row) => blocks[row >>> BLOCK_BITS]?.[row & MASK] ?? 0,
    set: (row, value) => {
      blockOf(row)[row & MASK] = value
    },
    bump: (row) => {
      const block = blockOf(row)
      const value = block[row & MASK] ?? 0
      if (value < 255) block[row & MASK] = value + 1
    },
    eachBlock: (visit) => {
      blocks.forEach((block, no) => {
        if (block !== undefined) visit(block, no << BLOCK_BITS)
      })
    },
  }
}
