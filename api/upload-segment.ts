// Makes a segment of an uploaded list: its rows into the warehouse, its name and SQL into the store.
import { randomUUID } from 'node:crypto'
import { type z } from 'zod'
import { type StoredList } from '../warehouse/list-rows.ts'
import { type ApiDeps } from './deps.ts'
import { readList, type ListText } from './list-rows.ts'
import { Problem } from './problem.ts'
import { type segmentUpload } from './schemas/segment.ts'
import { spoolUpload, type UploadRequest } from './spooled-upload.ts'
import { segmentView } from './views.ts'

/** 100 MB hold some three million ids. */
const defaultLimitBytes = 104_857_600

/**
 * Reads the request to its end and stores what is valid of it.
 * @throws Problem unsupported-media-type, too-large, list-refused, warehouse-away
 */
export async function uploadSegment(
  deps: Pick<ApiDeps, 'store' | 'warehouse' | 'uploadLimitBytes'>,
  name: string,
  request: UploadRequest,
): Promise<z.input<typeof segmentUpload>> {
  requireText(request)
  await using upload = await spoolUpload(request, deps.uploadLimitBytes ?? defaultLimitBytes)
  const list = await readList(upload.text())
  const listId = randomUUID().replaceAll('-', '_')
  const stored = await writeList(deps, listId, list)
  const { read, accepted, rejected, rejectedLines } = list.counts
  const { dialect } = deps.warehouse
  try {
    const made = await deps.store.segments.create({ name, sql: stored.sql, dialect, listId })
    return {
      segment: segmentView(made),
      table: stored.table,
      columns: ['user_id', ...stored.columns],
      encoding: upload.encoding,
      read,
      valid: stored.rows,
      duplicates: accepted - stored.rows,
      rejected,
      rejectedLines,
    }
  } catch (error) {
    // Nothing leads to it any more, and it holds user ids.
    await deps.warehouse.dropList(listId)
    throw error
  }
}

async function writeList(
  { warehouse }: Pick<ApiDeps, 'warehouse'>,
  listId: string,
  list: ListText,
): Promise<StoredList> {
  async function* rows() {
    yield* list.rows()
    if (list.counts.accepted === 0) throw nobody(list)
  }
  try {
    return await warehouse.writeList(listId, list.columns, rows())
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('warehouse-away', 'The warehouse could not take the list now.', {
      cause: error,
    })
  }
}

function nobody({ counts }: ListText): Problem {
  const lines = counts.rejectedLines.slice(0, 20)
  return new Problem(
    'list-refused',
    `The list reaches nobody: ${counts.read} lines were read, and none can be used.`,
    { errors: lines.map(({ line, why }) => ({ pointer: '', detail: `line ${line}: ${why}` })) },
  )
}

function requireText({ headers }: UploadRequest): void {
  const refuse = (what: string) =>
    new Problem(
      'unsupported-media-type',
      `${what}; send the list with content-type: text/csv, uncompressed.`,
    )
  const type = headers['content-type']
  if (type === undefined) throw refuse('The list has no content-type')
  if (!/^text\/(csv|plain)\s*(;|$)/i.test(type)) throw refuse('The body is no list')
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') throw refuse('The list is compressed')
}
