// What every driver requires of a segment's columns, in the same words.
import { SegmentRefused, type SegmentColumn } from './port.ts'

/** A column of a segment that the content uses. */
export interface VariableColumn {
  /** The key in the JSON object, as the content writes it. */
  key: string
  /** The segment's column. */
  column: string
  /** The engine's own name of the type; on BigQuery `ARRAY<…>` where the column is repeated. */
  type: string
}

/** A segment that has been checked: its columns, and those that the content uses. */
export interface CheckedSegment {
  columns: SegmentColumn[]
  userId: SegmentColumn
  variables: VariableColumn[]
}

/**
 * Finds `user_id` and the variables among the columns: by the very name, else by one that differs in case alone.
 * @throws SegmentRefused where one is missing, with the columns that there are.
 */
export function checkColumns(
  columns: SegmentColumn[],
  variables: readonly string[],
): CheckedSegment {
  const listed = columns.map((column) => column.name).join(', ')
  const find = (wanted: string) =>
    columns.find((column) => column.name === wanted) ??
    columns.find((column) => column.name.toLowerCase() === wanted.toLowerCase())
  const userId = find('user_id')
  if (!userId)
    throw new SegmentRefused(
      'no-user-id',
      `The segment must yield a column user_id. It yields: ${listed}.`,
    )
  const used = [...new Set(variables)].map((key): VariableColumn => {
    const column = find(key)
    if (column) return { key, column: column.name, type: column.type }
    throw new SegmentRefused(
      'missing-variable',
      `The content uses the variable ${key}, which the segment does not yield. It yields: ${listed}.`,
    )
  })
  return { columns, userId, variables: used }
}
