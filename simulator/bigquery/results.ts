// What jobs.getQueryResults and jobs.query answer: the rows of a job that has ended, or that it has not.
import { BigQueryError } from './errors.ts'
import { look, stateOf, type LiveJob } from './jobs.ts'
import { pageOf, readPageRequest } from './rows.ts'
import { type World } from './world.ts'

/** Looks at a job, and waits for its end for at most so long where nothing but its work holds it. */
export async function waitFor(
  live: LiveJob,
  timeoutMs: string,
): Promise<'PENDING' | 'RUNNING' | 'DONE'> {
  const seen = look(live)
  if (seen !== 'RUNNING' || live.job.runningPolls > 0 || live.job.endedAt !== undefined) return seen
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(Number(timeoutMs) || 0, 200_000))
  })
  await Promise.race([live.ended, late])
  clearTimeout(timer)
  return stateOf(live)
}

/**
 * The answer with a job's rows, as text; without rows while it has not ended.
 * @throws BigQueryError with which the job failed
 */
export async function resultsOf(
  world: World,
  live: LiveJob,
  isDone: boolean,
  query: URLSearchParams,
  kind: string,
): Promise<string> {
  const { job } = live
  const jobReference = { projectId: job.projectId, jobId: job.jobId, location: job.location }
  if (!isDone) return JSON.stringify({ kind, jobReference, jobComplete: false })
  if (job.errorResult) throw BigQueryError.of(job.errorResult)
  const statistics = (job.statistics.query ?? {}) as Record<string, unknown>
  const head = {
    kind,
    jobReference,
    jobComplete: true,
    cacheHit: false,
    totalBytesProcessed: String(job.totalBytesProcessed ?? 0),
    ...(statistics.numDmlAffectedRows === undefined
      ? {}
      : { numDmlAffectedRows: statistics.numDmlAffectedRows }),
  }
  if (!job.schema || !job.destination)
    return JSON.stringify({ ...head, totalRows: '0', schema: { fields: [] } })
  const table = world.catalog.find(job.destination)
  if (!table)
    throw new BigQueryError(
      'notFound',
      `Not found: Table ${job.destination.projectId}:${job.destination.datasetId}.${job.destination.tableId}`,
    )
  const page = await pageOf(world, table, { ...readPageRequest(query), isResult: true })
  const rest = JSON.stringify({
    ...head,
    schema: { fields: job.schema },
    totalRows: String(table.rows),
    ...(page.pageToken === undefined ? {} : { pageToken: page.pageToken }),
  })
  return page.rows === '' ? rest : `${rest.slice(0, -1)},"rows":[${page.rows}]}`
}
