// Text for people: tables, and one thing with its fields.

type Cell = string | number | null

function width(text: string): number {
  // Kanji and kana take two columns on a terminal.
  let columns = 0
  for (const char of text)
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
        char,
      )
        ? 2
        : 1
  return columns
}

/** Text of a terminal can be steered by control characters in it, which a name may hold. */
export function plain(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}

function shown(cell: Cell): string {
  if (cell === null) return '-'
  return typeof cell === 'number' ? cell.toLocaleString('en') : plain(cell)
}

/** Rows under their heads, columns aligned; numbers to the right. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return 'None.'
  const texts = rows.map((row) => row.map(shown))
  const widths = heads.map((head, i) =>
    Math.max(width(head), ...texts.map((row) => width(row[i] ?? ''))),
  )
  const line = (cells: readonly string[], isNumber: (i: number) => boolean) =>
    cells
      .map((cell, i) => {
        const padding = ' '.repeat((widths[i] ?? 0) - width(cell))
        return isNumber(i) ? padding + cell : cell + padding
      })
      .join('  ')
      .trimEnd()
  return [
    line(heads, (i) => typeof rows[0]?.[i] === 'number'),
    ...texts.map((row, r) => line(row, (i) => typeof rows[r]?.[i] === 'number')),
  ].join('\n')
}

/** One field a line, values aligned. */
export function fields(of: readonly (readonly [string, Cell])[]): string {
  const widest = Math.max(...of.map(([name]) => name.length))
  return of.map(([name, value]) => `${name.padEnd(widest)}  ${shown(value)}`).join('\n')
}
