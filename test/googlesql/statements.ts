// Reads off a statement of the driver what it writes to, and how its result is to be compared.
import { endOfStatement } from '../../warehouse/bigquery/sql-text.ts'
import { type TableName } from './engine.ts'

/** A table that a statement makes or changes. */
export interface Target extends TableName {
  isView: boolean
}

const writes =
  /^\s*(?:CREATE (?:OR REPLACE )?(VIEW|TABLE)(?: IF NOT EXISTS)?|MERGE|DELETE FROM) `[^.`]+\.([^.`]+)\.([^.`]+)`/

/** What the statement writes to; undefined where it only reads. */
export function targetOf(statement: string): Target | undefined {
  const [, made, datasetId, tableId] = writes.exec(statement) ?? []
  if (datasetId === undefined || tableId === undefined) return undefined
  return { datasetId, tableId, isView: made === 'VIEW' }
}

/** Whether the order of the rows is part of the result. */
export function endsInOrder(statement: string): boolean {
  return /\bORDER BY [\w, ]+(NULLS LAST ?)?(LIMIT \d+)?\s*$/.test(statement)
}

/** The query as a statement that makes its destination. */
export function asTable(project: string, { datasetId, tableId }: TableName, query: string): string {
  return `CREATE TABLE \`${project}.${datasetId}.${tableId}\` AS (\n${query.slice(0, endOfStatement(query))}\n)`
}
