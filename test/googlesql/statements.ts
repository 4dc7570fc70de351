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

/** Names of the parameters that the statement reads; what stands in a text or a comment is none. */
export function parametersIn(statement: string): Set<string> {
  const bare = statement.replaceAll(/'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|--.*|\/\*[^]*?\*\//g, ' ')
  return new Set([...bare.matchAll(/@(\w+)/g)].map(([, name = '']) => name))
}

/** The query as a statement that makes its destination. */
export function asTable(project: string, { datasetId, tableId }: TableName, query: string): string {
  return `CREATE TABLE \`${project}.${datasetId}.${tableId}\` AS (\n${query.slice(0, endOfStatement(query))}\n)`
}

/** A MERGE from a query as two statements: its source as a table, and the MERGE from that table. */
export function mergeInTwo(
  project: string,
  { datasetId, tableId }: TableName,
  statement: string,
): { make: string; merge: string } {
  const parts = /^([^]*?\bUSING )(\([^]*\))( AS \w+\s+ON [^]*)$/.exec(statement)
  if (!parts) throw new Error('The MERGE has no query as its source.')
  const [, head = '', source = '', rest = ''] = parts
  const table = `\`${project}.${datasetId}.${tableId}\``
  return { make: `CREATE TABLE ${table} AS ${source}`, merge: `${head}${table}${rest}` }
}
