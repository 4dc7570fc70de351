// Reads request bodies: JSON in memory, uploads into files.
import { createWriteStream, createReadStream } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { type IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { gunzipSync } from 'node:zlib'
import { BigQueryError } from './errors.ts'

/** BigQuery takes 10 MB for a request that is no upload. */
const MAX_JSON_BYTES = 10_000_000

/** The body as JSON; an empty one is an empty object. @throws BigQueryError invalid */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_JSON_BYTES)
      throw new BigQueryError(
        'invalid',
        `Request payload size exceeds the limit: ${MAX_JSON_BYTES} bytes.`,
        undefined,
        413,
      )
    chunks.push(chunk)
  }
  const whole = Buffer.concat(chunks)
  const plain = req.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole
  if (plain.length === 0) return {}
  try {
    return JSON.parse(plain.toString()) as unknown
  } catch {
    throw new BigQueryError('invalid', 'Parse Error: the body is not JSON.')
  }
}

/** Writes the body to a file. Rejects where the sender went away first; the file is gone then. */
export async function saveBody(req: IncomingMessage, file: string): Promise<void> {
  try {
    await pipeline(req, createWriteStream(file))
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}

/** The two parts of a multipart upload: its JSON, and the file with its data. */
export interface Multipart {
  metadata: unknown
  file: string
}

/** Reads `multipart/related` with exactly two parts. @throws BigQueryError invalid where it is cut or malformed */
export async function readMultipart(req: IncomingMessage, file: string): Promise<Multipart> {
  const boundary = /boundary="?([^";]+)"?/.exec(req.headers['content-type'] ?? '')?.[1]
  if (boundary === undefined) throw new BigQueryError('invalid', 'Missing multipart boundary.')
  const whole = `${file}.multipart`
  await saveBody(req, whole)
  try {
    const { size } = await stat(whole)
    const handle = await open(whole)
    const head = Buffer.alloc(Math.min(size, 1_000_000))
    const tail = Buffer.alloc(Math.min(size, boundary.length + 16))
    try {
      await handle.read(head, 0, head.length, 0)
      await handle.read(tail, 0, tail.length, size - tail.length)
    } finally {
      await handle.close()
    }
    const malformed = new BigQueryError('invalid', 'Malformed multipart body.')
    const start = `--${boundary}`
    const jsonAt = head.indexOf('\r\n\r\n')
    const jsonEnd = head.indexOf(`\r\n${start}`, jsonAt)
    const dataAt = jsonEnd < 0 ? -1 : head.indexOf('\r\n\r\n', jsonEnd + 2)
    const closing = tail.lastIndexOf(`\r\n${start}--`)
    if (jsonAt < 0 || dataAt < 0 || closing < 0) throw malformed
    let metadata: unknown
    try {
      metadata = JSON.parse(head.subarray(jsonAt + 4, jsonEnd).toString())
    } catch {
      throw malformed
    }
    const end = size - tail.length + closing - 1
    if (end < dataAt + 4) await pipeline([], createWriteStream(file))
    else
      await pipeline(createReadStream(whole, { start: dataAt + 4, end }), createWriteStream(file))
    return { metadata, file }
  } finally {
    await rm(whole, { force: true })
  }
}
