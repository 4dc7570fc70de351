// Plans a query: resolves its tables and views in one location and translates it, without running anything.
import { shown, physical, type Catalog, type Table, type TableName } from './catalog.ts'
import { BigQueryError, unsupported } from './errors.ts'
import { assemble, type Sent } from './engine-errors.ts'
import { canonical } from './jobs.ts'
import { readStatement, type Statement } from './statements.ts'
import { type TranslateContext } from './translate.ts'

/** A query as a request brings it. */
export interface QueryRequest {
  sql: string
  projectId: string
  location: string | undefined
  defaultDataset: { projectId: string; datasetId: string } | undefined
  parameters: ReadonlyMap<string, string>
}

/** What a query will do. */
export interface Plan {
  statement: Statement
  /** For a query, alone or behind CREATE … AS, its SQL; for DML the whole statement. */
  sent: Sent
  /** Tables that are read, those behind views included. */
  tables: Table[]
  target: TableName | undefined
  location: string
  /** Names that may be columns, for the estimate of bytes. */
  names: ReadonlySet<string>
}

// Views on views on views: BigQuery stops at 16 as well.
const viewDepth = 16

/** Makes the plan. @throws BigQueryError invalidQuery, notFound */
export function planQuery(
  {
    catalog,
    now,
    defaultLocation,
  }: { catalog: Catalog; now: () => number; defaultLocation: string },
  request: QueryRequest,
): Plan {
  let location = request.location === undefined ? undefined : canonical(request.location)
  const tables = new Map<string, Table>()
  const names = new Set<string>()

  function resolve(parts: string[], projectId: string, place: string): TableName {
    if (parts.some((part) => part.toUpperCase() === 'INFORMATION_SCHEMA'))
      throw unsupported('INFORMATION_SCHEMA', place)
    const [tableId = '', datasetId, project, more] = [...parts].reverse()
    if (tableId.includes('*')) throw unsupported('wildcard tables', place)
    if (more !== undefined)
      throw new BigQueryError(
        'invalidQuery',
        `Invalid table name ${parts.join('.')} at ${place}`,
        'query',
      )
    if (datasetId !== undefined) return { projectId: project ?? projectId, datasetId, tableId }
    if (!request.defaultDataset)
      throw new BigQueryError(
        'invalidQuery',
        `Table "${tableId}" must be qualified with a dataset (e.g. dataset.table) at ${place}`,
        'query',
      )
    return { ...request.defaultDataset, tableId }
  }

  function settle(name: TableName) {
    const found = catalog.findDataset(name.projectId, name.datasetId)
    location ??= found?.location
    catalog.dataset(name.projectId, name.datasetId, location ?? defaultLocation)
  }

  function contextFor(projectId: string, depth: number): TranslateContext {
    return {
      parameters: depth === 0 ? request.parameters : new Map<string, string>(),
      nowMicros: `${now()}000`,
      table(parts, place) {
        const name = resolve(parts, projectId, place)
        settle(name)
        const table = catalog.find(name)
        if (!table)
          throw new BigQueryError(
            'notFound',
            `Not found: Table ${shown(name)} was not found in location ${location ?? defaultLocation}`,
          )
        if (table.type === 'TABLE') {
          tables.set(shown(name), table)
          return { sql: physical(name), name: name.tableId }
        }
        if (depth === viewDepth)
          throw new BigQueryError(
            'invalidQuery',
            `View ${shown(name)} is nested too deep at ${place}`,
            'query',
          )
        const inner = readStatement(table.view ?? '', contextFor(name.projectId, depth + 1))
        for (const one of inner.notes.names) names.add(one)
        return { sql: `(${assemble('', inner.pieces).sql})`, name: name.tableId }
      },
    }
  }

  const statement = readStatement(request.sql, contextFor(request.projectId, 0))
  for (const one of statement.notes.names) names.add(one)
  let target: TableName | undefined
  let opening = ''
  if (statement.target) {
    target = resolve(statement.target.parts, request.projectId, statement.target.place)
    settle(target)
    if (statement.opening !== undefined) {
      const table = catalog.find(target)
      if (!table)
        throw new BigQueryError(
          'notFound',
          `Not found: Table ${shown(target)} was not found in location ${location ?? defaultLocation}`,
        )
      if (table.type === 'VIEW')
        throw new BigQueryError(
          'invalidQuery',
          `${shown(target)} is a view and can't be changed at ${statement.target.place}`,
          'query',
        )
      tables.set(shown(target), table)
      opening = `${statement.opening} ${physical(target)} `
    }
  }
  return {
    statement,
    sent: assemble(request.sql, statement.pieces, opening),
    tables: [...tables.values()],
    target,
    location: location ?? canonical(defaultLocation),
    names,
  }
}
