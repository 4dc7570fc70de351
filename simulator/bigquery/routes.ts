// BigQuery's addresses: for each the name it has in faults and counts, and what its path says.

/** The names of calls, as BigQuery's reference names its methods; `jobs.upload` is jobs.insert with a file. */
export const ROUTE_NAMES = [
  'jobs.insert',
  'jobs.upload',
  'jobs.get',
  'jobs.getQueryResults',
  'jobs.query',
  'jobs.cancel',
  'jobs.list',
  'datasets.list',
  'datasets.get',
  'datasets.insert',
  'datasets.patch',
  'datasets.delete',
  'tables.list',
  'tables.get',
  'tables.insert',
  'tables.patch',
  'tables.update',
  'tables.delete',
  'tabledata.list',
] as const
export type RouteName = (typeof ROUTE_NAMES)[number]

/** A call's route and the parts of its path. */
export interface Route {
  name: RouteName
  projectId: string
  jobId: string
  datasetId: string
  /** Without the decorator of a partition. */
  tableId: string
  decorator: string | undefined
}

const P = '/bigquery/v2/projects/([^/]+)'
const T = `${P}/datasets/([^/]+)/tables`
const ROUTES: [string, RegExp, RouteName, (keyof Route)[]][] = [
  ['POST', new RegExp(`^/upload${P}/jobs$`), 'jobs.upload', []],
  ['PUT', new RegExp(`^/upload${P}/jobs$`), 'jobs.upload', []],
  ['POST', new RegExp(`^${P}/jobs$`), 'jobs.insert', []],
  ['GET', new RegExp(`^${P}/jobs$`), 'jobs.list', []],
  ['GET', new RegExp(`^${P}/jobs/([^/]+)$`), 'jobs.get', ['jobId']],
  ['POST', new RegExp(`^${P}/jobs/([^/]+)/cancel$`), 'jobs.cancel', ['jobId']],
  ['POST', new RegExp(`^${P}/queries$`), 'jobs.query', []],
  ['GET', new RegExp(`^${P}/queries/([^/]+)$`), 'jobs.getQueryResults', ['jobId']],
  ['GET', new RegExp(`^${P}/datasets$`), 'datasets.list', []],
  ['POST', new RegExp(`^${P}/datasets$`), 'datasets.insert', []],
  ['GET', new RegExp(`^${P}/datasets/([^/]+)$`), 'datasets.get', ['datasetId']],
  ['PATCH', new RegExp(`^${P}/datasets/([^/]+)$`), 'datasets.patch', ['datasetId']],
  ['DELETE', new RegExp(`^${P}/datasets/([^/]+)$`), 'datasets.delete', ['datasetId']],
  ['GET', new RegExp(`^${T}$`), 'tables.list', ['datasetId']],
  ['POST', new RegExp(`^${T}$`), 'tables.insert', ['datasetId']],
  ['GET', new RegExp(`^${T}/([^/]+)$`), 'tables.get', ['datasetId', 'tableId']],
  ['PATCH', new RegExp(`^${T}/([^/]+)$`), 'tables.patch', ['datasetId', 'tableId']],
  ['PUT', new RegExp(`^${T}/([^/]+)$`), 'tables.update', ['datasetId', 'tableId']],
  ['DELETE', new RegExp(`^${T}/([^/]+)$`), 'tables.delete', ['datasetId', 'tableId']],
  ['GET', new RegExp(`^${T}/([^/]+)/data$`), 'tabledata.list', ['datasetId', 'tableId']],
]

/** The route of a call, or undefined where the simulator has none. */
export function findRoute(method: string, path: string): Route | undefined {
  for (const [verb, pattern, name, parts] of ROUTES) {
    const match = verb === method ? pattern.exec(path) : null
    if (!match) continue
    const found: Record<string, string> = { projectId: decodeURIComponent(match[1] ?? '') }
    parts.forEach((part, index) => (found[part] = decodeURIComponent(match[index + 2] ?? '')))
    const [tableId = '', decorator] = (found.tableId ?? '').split('$')
    return {
      name,
      projectId: found.projectId ?? '',
      jobId: found.jobId ?? '',
      datasetId: found.datasetId ?? '',
      tableId,
      decorator,
    }
  }
  return undefined
}
