// Calls of BigQuery's REST API to either engine, and their rows in a form in which both can be compared.

/** A column as both engines name it. */
export interface Column {
  name: string
  type: string
}

/** Rows of a table or result, each value as comparable text. */
export interface Found {
  columns: Column[]
  rows: (string | null)[][]
}

/** Names a table. */
export interface TableName {
  datasetId: string
  tableId: string
}

interface Field {
  name: string
  type: string
  mode?: string
}

interface Page {
  schema?: { fields?: Field[] }
  rows?: { f: { v: unknown }[] }[]
  pageToken?: string
  error?: { message?: string }
}

/** BigQuery answers with either name. */
const otherNames: Readonly<Record<string, string>> = {
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  STRUCT: 'RECORD',
}

/** An engine's calls below one project. */
export type Engine = ReturnType<typeof engineAt>

export function engineAt(url: string, project: string) {
  const base = `${url}/bigquery/v2/projects/${project}`

  /** Answers below 400 as JSON. @throws Error with the engine's words for any other. */
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${base}/${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const said = await response.text()
    if (response.ok) return (said === '' ? {} : JSON.parse(said)) as T
    throw new Error(messageIn(said))
  }

  async function pages(path: string, query: Readonly<Record<string, string>>, fields?: Field[]) {
    let known = fields
    const rows: (string | null)[][] = []
    let pageToken: string | undefined
    do {
      const asked = new URLSearchParams({ ...query, ...(pageToken && { pageToken }) })
      const page: Page = await call('GET', `${path}?${asked.toString()}`)
      known ??= page.schema?.fields ?? []
      rows.push(...rowsOf(page, known))
      pageToken = page.pageToken
    } while (pageToken)
    return { columns: columnsOf(known ?? []), rows }
  }

  return {
    call,

    /** All rows of a table, in no order. */
    async table({ datasetId, tableId }: TableName): Promise<Found> {
      const path = `datasets/${datasetId}/tables/${tableId}`
      const { schema } = await call<{ schema?: { fields?: Field[] } }>('GET', path)
      return pages(`${path}/data`, {}, schema?.fields ?? [])
    },

    /** All rows of a finished query. */
    results: (jobId: string, location: string) => pages(`queries/${jobId}`, { location }),

    /** Runs a query, or looks at it only, and gives its rows in their order. */
    async query(body: Readonly<Record<string, unknown>> & { query: string }): Promise<Found> {
      const page: Page = await call('POST', 'queries', { useLegacySql: false, ...body })
      const fields = page.schema?.fields ?? []
      return { columns: columnsOf(fields), rows: rowsOf(page, fields) }
    },

    /** Sends a call on as it came, to the uploads as well. */
    async forward(method: string, path: string, contentType: string, body: Uint8Array) {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body.length > 0 && { headers: { 'content-type': contentType }, body }),
      })
      return { status: response.status, said: await response.text() }
    },
  }
}

/** The sentence in an answer that is an error. */
export function messageIn(said: string): string {
  try {
    return (JSON.parse(said) as Page).error?.message ?? said
  } catch {
    return said
  }
}

/** A schema's columns, by the names that both engines share. */
export function columnsOf(fields: readonly Field[]): Column[] {
  return fields.map(({ name, type, mode }) => {
    const known = otherNames[type] ?? type
    return { name, type: mode === 'REPEATED' ? `ARRAY<${known}>` : known }
  })
}

function rowsOf(page: Page, fields: readonly Field[]): (string | null)[][] {
  return (page.rows ?? []).map(({ f }) => f.map(({ v }, index) => comparable(v, fields[index])))
}

/** Instants and fractions are written in many ways, all of the same number. */
function comparable(value: unknown, field: Field | undefined): string | null {
  if (value === null || value === undefined) return null
  const isNumber = field && ['TIMESTAMP', 'FLOAT', 'FLOAT64'].includes(field.type)
  if (isNumber && field.mode !== 'REPEATED') return String(Number(value))
  return typeof value === 'string' ? value : JSON.stringify(value)
}
