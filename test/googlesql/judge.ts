// Stands before the BigQuery simulator and has each statement that goes through it run by the emulator as well.
// The simulator carries the protocol, which the emulator lacks much of; the emulator says what GoogleSQL makes of the SQL.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { columnsOf, engineAt, messageIn, type Found, type TableName } from './engine.ts'
import { asTable, endsInOrder, mergeInTwo, parametersIn, targetOf } from './statements.ts'

/** Where the two engines are. */
export interface JudgeOptions {
  simulator: string
  emulator: string
  project: string
}

/** What was found when a statement ran on both. */
export interface Disagreement {
  step: string
  what: string
  statement: string
}

/** A judge that listens. */
export interface Judge {
  /** The endpoint for the driver. */
  url: string
  disagreements: Disagreement[]
  /** Statements that both engines ran with the same outcome, by the step that their job is labelled with. */
  agreed: Map<string, number>
  close(): Promise<void>
}

interface Query {
  query: string
  defaultDataset?: unknown
  queryParameters?: { name: string }[]
  parameterMode?: string
  destinationTable?: TableName
  writeDisposition?: string
}

interface Job {
  jobReference: { jobId: string; location: string }
  configuration?: {
    dryRun?: boolean
    labels?: { step?: string }
    query?: Query
    load?: { destinationTable: TableName }
  }
  status?: { state?: string; errorResult?: { message?: string } }
  statistics?: {
    query?: { statementType?: string; schema?: { fields?: { name: string; type: string }[] } }
  }
}

/** Starts it on a free port. */
export async function startJudge({ simulator, emulator, project }: JudgeOptions): Promise<Judge> {
  const asked = engineAt(simulator, project)
  const judging = engineAt(emulator, project)
  let merges = 0
  const disagreements: Disagreement[] = []
  const agreed = new Map<string, number>()

  // What changes tables goes through one by one, so that both engines come to the same state in the same order.
  let turn: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }

  /** Does the work, and notes what it says against the statement. */
  async function judged(
    step: string,
    statement: string,
    work: () => Promise<string | undefined>,
  ): Promise<void> {
    const what = await work().catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    )
    if (what === undefined) agreed.set(step, (agreed.get(step) ?? 0) + 1)
    else disagreements.push({ step, what, statement })
  }

  async function ended(answer: Job): Promise<Job> {
    const { jobId, location } = answer.jobReference
    let job = answer
    while (job.status?.state !== 'DONE')
      job = await asked.call<Job>('GET', `jobs/${jobId}?location=${location}`)
    return job
  }

  async function sameTable(table: TableName): Promise<string | undefined> {
    return difference(await asked.table(table), await judging.table(table), false)
  }

  /** The configuration of `jobs.query`: of the emulator's two ways it is the one that knows a default dataset. */
  function asQuery(query: Query, dryRun = false) {
    const { defaultDataset, queryParameters = [], parameterMode } = query
    const named = parametersIn(query.query)
    // BigQuery takes parameters that no statement names; the emulator wants as many as there are.
    const used = queryParameters.filter(({ name }) => named.has(name))
    return {
      query: query.query,
      ...(defaultDataset !== undefined && { defaultDataset }),
      ...(used.length > 0 && { queryParameters: used, parameterMode }),
      ...(dryRun && { dryRun }),
    }
  }

  async function bothRefuse(query: Query, message: string): Promise<string | undefined> {
    try {
      await judging.query(asQuery(query, true))
    } catch {
      return undefined
    }
    return `is run, and the simulator says: ${message}`
  }

  async function runBoth(job: Job, query: Query): Promise<string | undefined> {
    const { destinationTable } = query
    if (destinationTable && query.writeDisposition === 'WRITE_APPEND') {
      const { jobReference, configuration } = job
      const { status } = await judging.call<Job>('POST', 'jobs', { jobReference, configuration })
      return status?.errorResult?.message ?? sameTable(destinationTable)
    }
    if (destinationTable) {
      await judging.query(
        asQuery({ ...query, query: asTable(project, destinationTable, query.query) }),
      )
      return sameTable(destinationTable)
    }
    const target = targetOf(query.query)
    if (target && query.query.trimStart().startsWith('MERGE')) return mergeBoth(target, query)
    const found = await judging.query(asQuery(query))
    if (target) return target.isView ? undefined : sameTable(target)
    const { jobId, location } = job.jobReference
    return difference(await asked.results(jobId, location), found, endsInOrder(query.query))
  }

  /**
   * The analyser takes the statement as it is; the emulator's engine then wants a table as its source, which is made of
   * the statement's own words.
   */
  async function mergeBoth(target: TableName, query: Query): Promise<string | undefined> {
    const whole = await judging.query(asQuery(query)).then(
      () => undefined,
      (error: unknown) => String(error),
    )
    if (whole !== undefined && !whole.includes(mergesFromTablesOnly)) return whole
    if (whole !== undefined) {
      merges += 1
      const source = { datasetId: target.datasetId, tableId: `judged_source_${merges}` }
      const { make, merge } = mergeInTwo(project, source, query.query)
      await judging.query(asQuery({ ...query, query: make }))
      await judging.query(asQuery({ ...query, query: merge }))
    }
    return sameTable(target)
  }

  async function judgeQuery(sent: Job, { status, said }: { status: number; said: string }) {
    const { configuration } = sent
    const query = configuration?.query
    // A job that is found again was judged when it was made.
    if (!query || status === 409) return
    const step = configuration.dryRun ? 'dry run' : (configuration.labels?.step ?? 'none')
    if (status >= 400) return judged(step, query.query, () => bothRefuse(query, messageIn(said)))
    const answer = JSON.parse(said) as Job
    if (configuration.dryRun) {
      const { statementType, schema } = answer.statistics?.query ?? {}
      // The emulator says SELECT of all statements, and tells the columns of one only.
      if (statementType !== 'SELECT') return
      return judged(step, query.query, async () => {
        const found = await judging.query(asQuery(query, true)).catch((error: unknown) => {
          if (String(error).includes(failsOnItsData)) return undefined
          throw error
        })
        return found && differs('columns', columnsOf(schema?.fields ?? []), found.columns)
      })
    }
    const job = await ended(answer)
    const { errorResult } = job.status ?? {}
    return judged(step, query.query, () =>
      errorResult
        ? bothRefuse(query, errorResult.message ?? '')
        : runBoth({ ...sent, jobReference: answer.jobReference }, query),
    )
  }

  async function judgeChange(req: IncomingMessage, body: Buffer): Promise<Answer> {
    const { method = 'GET', url: path = '/', headers } = req
    const type = headers['content-type'] ?? 'application/json'
    const answer = await asked.forward(method, path, type, body)
    const isTaken = answer.status < 300
    const copy = () => judging.forward(method, path, type, body)
    const [bare = ''] = path.split('?')
    const tables = /\/datasets(\/[^/]+\/tables(\/[^/]+)?)?$/.test(bare)
    if (tables && isTaken && (method === 'POST' || method === 'DELETE')) {
      const copied = await copy()
      if (copied.status >= 300)
        disagreements.push({
          step: 'table',
          what: messageIn(copied.said),
          statement: `${method} ${path}`,
        })
    } else if (bare.startsWith('/upload/')) {
      if (!isTaken) return answer
      const job = await ended(JSON.parse(answer.said) as Job)
      const target = job.configuration?.load?.destinationTable
      // Loads are no SQL; what they bring is what the statements afterwards are judged on.
      if (target && !job.status?.errorResult)
        await judged('load', `load into ${target.tableId}`, async () => {
          const copied = await copy()
          return copied.status >= 300 ? messageIn(copied.said) : sameTable(target)
        })
    } else if (method === 'POST' && bare.endsWith('/jobs')) {
      await judgeQuery(JSON.parse(body.toString()) as Job, answer)
    }
    return answer
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await buffer(req)
    const { method = 'GET', url: path = '/' } = req
    const answer =
      method === 'GET' || path.includes('/cancel')
        ? await asked.forward(method, path, 'application/json', body)
        : await inTurn(() => judgeChange(req, body))
    res.writeHead(answer.status, { 'content-type': 'application/json' })
    res.end(answer.said)
  }

  const server = createServer((req, res) => {
    handle(req, res).catch((error: unknown) => {
      disagreements.push({
        step: 'judge',
        what: String(error),
        statement: `${req.method} ${req.url}`,
      })
      res.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    disagreements,
    agreed,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** In the emulator's words: a MERGE has passed the analyser, and its source is no table. */
const mergesFromTablesOnly = 'MERGE: source must be a single-table reference'

/** In the emulator's words: a statement has passed the analyser, and was run, also where only a dry run was asked for. */
const failsOnItsData = 'failed to scan rows'

interface Answer {
  status: number
  said: string
}

/** What is not the same in both, or undefined. */
function difference(asked: Found, judging: Found, isOrdered: boolean): string | undefined {
  const types = (found: Found) => found.columns.map(({ type }) => type)
  const inOrder = ({ rows }: Found) => {
    const lines = rows.map((row) => JSON.stringify(row))
    return isOrdered ? lines : lines.sort()
  }
  return (
    differs('types', types(asked), types(judging)) ??
    differs('rows', inOrder(asked), inOrder(judging))
  )
}

function differs(what: string, asked: readonly unknown[], judging: readonly unknown[]) {
  const at = Array.from(
    { length: Math.max(asked.length, judging.length) },
    (_, index) => index,
  ).find((index) => JSON.stringify(asked[index]) !== JSON.stringify(judging[index]))
  if (at === undefined) return undefined
  return `${what} differ: of ${asked.length} the simulator's ${at}. is ${JSON.stringify(asked[at])}, of ${judging.length} the emulator's ${JSON.stringify(judging[at])}`
}
