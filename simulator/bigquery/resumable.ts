// Resumable uploads: a session by its id, chunks with Content-Range, 308 until the last one.
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { type IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { BigQueryError } from './errors.ts'

interface Session {
  metadata: unknown
  file: string
  received: number
  /** The answer that the last chunk got, given again to whoever asks again. */
  answer?: object
}

/** What a chunk brought about: more is wanted, or the file is whole. */
export type Progress =
  | { kind: 'more'; received: number }
  | { kind: 'whole'; metadata: unknown; file: string; finish: (answer: object) => void }
  | { kind: 'answered'; answer: object }

/** Open sessions. */
export function createResumables(fileName: () => string) {
  const sessions = new Map<string, Session>()
  return {
    async begin(metadata: unknown): Promise<string> {
      const id = randomUUID()
      const file = fileName()
      await writeFile(file, '')
      sessions.set(id, { metadata, file, received: 0 })
      return id
    },
    /** Takes a chunk, or tells how much is there (`bytes *\/N`). @throws BigQueryError */
    async put(id: string, req: IncomingMessage): Promise<Progress> {
      const session = sessions.get(id)
      if (!session) throw new BigQueryError('notFound', `Not found: upload ${id}`)
      if (session.answer) {
        req.resume()
        return { kind: 'answered', answer: session.answer }
      }
      const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(
        String(req.headers['content-range'] ?? ''),
      )
      const from = range ? Number(range[1] ?? session.received) : 0
      if (from !== session.received) {
        req.resume()
        return { kind: 'more', received: session.received }
      }
      try {
        let size = 0
        req.on('data', (chunk: Buffer) => (size += chunk.length))
        await pipeline(req, createWriteStream(session.file, { flags: 'a' }))
        session.received += size
      } catch (error) {
        // What came of a chunk that was cut is forgotten; the sender asks and goes on from there.
        await truncate(session.file, session.received)
        throw error
      }
      const total = range ? range[3] : String(session.received)
      if (total === '*' || Number(total) !== session.received)
        return { kind: 'more', received: session.received }
      const finish = (answer: object) => void (session.answer = answer)
      return { kind: 'whole', metadata: session.metadata, file: session.file, finish }
    },
    async close() {
      for (const { file } of sessions.values()) await rm(file, { force: true })
      sessions.clear()
    },
  }
}
