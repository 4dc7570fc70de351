// Prints recipients as they come, however many there are.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { Unreachable } from './client.ts'
import { type Session } from './session.ts'

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** CSV with a header, or with --json one document; a list that breaks off is an error, not a short list. */
export async function printRecipients(
  { client, json }: Session,
  id: string,
  outcome: string,
): Promise<void> {
  const body = await client.stream('getRecipients', { params: { id }, query: { outcome } })
  const source = Readable.from(body)
  // readline ends quietly where its source breaks off.
  let broken: Error | undefined
  source.on('error', (error) => {
    broken = error
  })
  let count = -1
  if (json) await write('{"items":[')
  for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
    count += 1
    if (!json) await write(`${line}\n`)
    else if (count > 0) await write(`${count > 1 ? ',' : ''}${JSON.stringify(line)}`)
  }
  if (broken) {
    throw new Unreachable(`The list broke off after ${Math.max(count, 0)} ids; ask again.`, {
      cause: broken,
    })
  }
  if (json) await write(']}\n')
}
