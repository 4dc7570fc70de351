// What commands read besides their options: files, standard input, and secrets that no process list shows.
import { open, readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { Usage } from './session.ts'
import { plain } from './text.ts'

/** The bytes of a file as they are read, or of standard input for `-`. @throws Usage */
export async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  if (path === '-') return ReadableStream.from<Uint8Array>(process.stdin)
  try {
    return ReadableStream.from<Uint8Array>((await open(path)).createReadStream())
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** The text of a file, or of standard input for `-`. @throws Usage */
export async function readText(path: string): Promise<string> {
  if (path === '-') {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('utf8')
  }
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): Usage {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  return new Usage(`The file ${path} can't be read (${code}).`, { cause: error })
}

/** The JSON value in a file, or on standard input for `-`. @throws Usage */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path)
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const what = path === '-' ? 'Standard input' : `The file ${path}`
    // The engine's words have the line and column, or the place itself.
    const where = error instanceof Error ? `: ${plain(error.message)}` : ''
    throw new Usage(`${what} is not JSON${where}`, { cause: error })
  }
}

/** A line typed at the terminal without being shown. */
async function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(question)
  stdin.setRawMode(true)
  let typed = ''
  try {
    for await (const chunk of stdin) {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n') return typed
        if (char === '\u0003') throw new Usage('Given up.')
        typed = char === '\u007f' ? typed.slice(0, -1) : typed + char
      }
    }
    return typed
  } finally {
    stdin.setRawMode(false)
    stderr.write('\n')
  }
}

/** The channel secret: from the file, from standard input for `-`, or asked for at the terminal. @throws Usage */
export async function readSecret(path: string | undefined): Promise<string> {
  if (path === undefined && !process.stdin.isTTY) {
    throw new Usage(
      'Give the channel secret by --channel-secret-file <file>, or by --channel-secret-file - on standard input.',
    )
  }
  const secret =
    path === undefined || (path === '-' && process.stdin.isTTY)
      ? await askHidden('Channel secret: ')
      : await readText(path)
  const trimmed = secret.trim()
  if (trimmed === '') throw new Usage('The channel secret is empty.')
  return trimmed
}

/** The user of this machine, as the one who gives an order. */
export function operatorName(): string {
  return userInfo().username
}
