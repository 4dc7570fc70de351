// Takes an upload whole before any of it is read: into a file that nobody else can open, and that no crash leaves behind.
import { randomUUID } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Readable } from 'node:stream'
import { Problem } from './problem.ts'

/** How the text of an upload is written, by the names of the Encoding Standard. */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'shift_jis'

/** What is taken of a request. */
export type UploadRequest = Readable & Pick<IncomingMessage, 'headers'>

/** An upload that is all there. */
export interface SpooledUpload extends AsyncDisposable {
  encoding: TextEncoding
  /** Its text from the beginning, without a byte order mark. Throws a TypeError where bytes are no text of the encoding. */
  text(): AsyncIterable<string>
}

/**
 * Reads the request's body to its end.
 * @throws Problem too-large past the limit, before the rest is read; list-refused where the body breaks off.
 */
export async function spoolUpload(
  request: UploadRequest,
  limitBytes: number,
): Promise<SpooledUpload> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes)
  const path = join(tmpdir(), `lfm-upload-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    // Without a name from here on: the system frees it when this process ends, however it ends.
    await rm(path)
    const encoding = await receive(request, file, limitBytes)
    return {
      encoding,
      text: () => decode(file, encoding),
      [Symbol.asyncDispose]: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function receive(
  request: UploadRequest,
  file: FileHandle,
  limitBytes: number,
): Promise<TextEncoding> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let isUtf8 = true
  let start = Buffer.alloc(0)
  let size = 0
  const look = (chunk?: Buffer) => {
    try {
      if (isUtf8) utf8.decode(chunk, { stream: chunk !== undefined })
    } catch {
      isUtf8 = false
    }
  }
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limitBytes) throw tooLarge(limitBytes)
      if (start.length < 2) start = Buffer.concat([start, chunk]).subarray(0, 2)
      look(chunk)
      await file.appendFile(chunk)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    // The caller left, and hears none of this.
    if (request.errored)
      throw new Problem('list-refused', 'The upload broke off.', { cause: error })
    throw error
  }
  look()
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  // Excel on a Japanese Windows writes CSV like this, with nothing in the file that says so.
  return isUtf8 ? 'utf-8' : 'shift_jis'
}

async function* decode(file: FileHandle, encoding: TextEncoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const bytes: AsyncIterable<Buffer> = file.createReadStream({ start: 0, autoClose: false })
  for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true })
  yield decoder.decode()
}

function tooLarge(limitBytes: number): Problem {
  return new Problem(
    'too-large',
    `The list has more than ${limitBytes} bytes; upload it in parts.`,
    {
      // What is left of the body is not read.
      headers: { connection: 'close' },
    },
  )
}
