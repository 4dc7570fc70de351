// Where everything lies in the data folder, and how files come into place there whole or not at all.
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Lane } from '../../domain/lane.ts'
import { type PartName } from '../port.ts'

/** The folders and files of an embedded warehouse. */
export type Layout = ReturnType<typeof createLayout>

/**
 * The paths below a data folder.
 * @throws Error when a delivery, attempt or page name holds anything but letters, digits, `-` and `_`.
 */
export function createLayout(dataDir: string) {
  const root = join(dataDir, 'warehouse')
  const allPlans = join(root, 'plans')
  const allParts = join(root, 'parts')
  const plans = (deliveryId: string) => join(allPlans, plain(deliveryId))
  const parts = (deliveryId: string) => join(allParts, plain(deliveryId))
  const logs = join(root, 'delivery_log')
  const clicks = join(root, 'click_log')
  const friendEvents = join(root, 'friend_events')
  const lists = join(root, 'lists')
  return {
    allPlans,
    allParts,
    tables: join(dataDir, 'tables'),
    tmp: join(root, 'tmp'),
    plans,
    plan: (deliveryId: string, attempt: string) => join(plans(deliveryId), plain(attempt)),
    parts,
    part: (part: PartName) =>
      join(parts(part.deliveryId), `${part.lane}-${plain(part.page)}-${part.round}.parquet`),
    logs,
    log: (deliveryId: string) => join(logs, `${plain(deliveryId)}.parquet`),
    clicks,
    clickPart: (part: string) => join(clicks, `${plain(part)}.parquet`),
    friendEvents,
    friendEventPart: (part: string) => join(friendEvents, `${plain(part)}.parquet`),
    lists,
    list: (listId: string) => join(lists, `list_${plain(listId)}.parquet`),
    /** The name of the table in a list's file. */
    listIn: (path: string) => basename(path, '.parquet'),
  }
}

function plain(word: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(word)) return word
  throw new Error(
    `The name ${JSON.stringify(word)} can't be part of a file name; letters, digits, - and _ can.`,
  )
}

/** A name beside `target` that no reader looks at and no other writer uses. */
export function besides(target: string): string {
  return join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`)
}

/**
 * Writes a file so that readers see all of it or nothing, also after a power cut.
 * A file that is there already is replaced.
 */
export async function placeFile(
  target: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const path = besides(target)
  await mkdir(dirname(target), { recursive: true })
  try {
    await write(path)
    await sync(path)
    await rename(path, target)
    await sync(dirname(target))
  } finally {
    await rm(path, { force: true })
  }
}

/** Removes what a killed process left half made in a folder, of all files or of one; who still writes one fails. */
export async function sweepHalfMade(folder: string, file = ''): Promise<void> {
  for (const entry of await entriesOf(folder))
    if (entry.startsWith(`.${file}`) && entry.endsWith('.tmp'))
      await rm(join(folder, entry), { recursive: true, force: true })
}

/** Moves a finished folder into place, unless one of that name is there already: the first one stays. */
export async function placeFolder(folder: string, target: string): Promise<void> {
  for (const file of await readdir(folder)) await sync(join(folder, file))
  await sync(folder)
  try {
    await rename(folder, target)
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error
  }
  await sync(dirname(target))
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whether there is a file of this path. */
export async function isThere(path: string): Promise<boolean> {
  return (await namesIn(dirname(path))).includes(basename(path))
}

/** The visible files of a folder with one of these endings, sorted; none where there is no such folder. */
export async function filesIn(folder: string, ...endings: string[]): Promise<string[]> {
  return (await namesIn(folder))
    .filter((file) => endings.some((ending) => file.toLowerCase().endsWith(ending)))
    .map((file) => join(folder, file))
}

/** The visible entries of a folder, sorted; none where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter((entry) => !entry.startsWith('.')).sort()
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return []
    throw error
  }
}

/** The files of a plan's lane that hold requests of the range; their names say which requests they hold. */
export async function laneFiles(
  folder: string,
  lane: Lane,
  fromRequest = 0,
  toRequest = Infinity,
): Promise<string[]> {
  return (await filesIn(folder, '.parquet')).filter((file) => {
    const held = new RegExp(`^${lane}-(\\d+)-(\\d+)\\.parquet$`).exec(basename(file))
    return held !== null && Number(held[1]) < toRequest && Number(held[2]) > fromRequest
  })
}

/** The name of a plan file that holds requests `[fromRequest, toRequest)`; the last may go on in the next file. */
export function laneFile(
  folder: string,
  lane: Lane,
  fromRequest: number,
  toRequest: number,
): string {
  const padded = (requestNo: number) => String(requestNo).padStart(9, '0')
  return join(folder, `${lane}-${padded(fromRequest)}-${padded(toRequest)}.parquet`)
}

/** Whether a file system call failed with this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
