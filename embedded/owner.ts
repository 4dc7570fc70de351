// One start at a time owns a data folder; a second one is told who does.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryLock } from './lock.ts'
import { DataFolderRefused } from './secrets.ts'

/** Another start holds the data folder; the message says which. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning'
}

export interface Ownership {
  /** Folder of the notes about running processes. */
  runDir: string
  /** Adds to what a second start is told. */
  tell(more: string): void
  release(): void
}

/**
 * Makes a folder in the data folder, and that where there is none, closed to other users.
 * @throws DataFolderRefused where it can't be written.
 */
export function makeDataFolder(dataDir: string, folder = dataDir): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DataFolderRefused(
      `The data folder ${dataDir} can't be written: ${why}. Set LFM_DATA_DIR to a folder that can.`,
      { cause: error },
    )
  }
}

/**
 * Makes the data folder where there is none, closed to other users, and takes it until release or the process's end.
 * @throws AlreadyRunning, DataFolderRefused where it can't be written.
 */
export function ownDataFolder(dataDir: string): Ownership {
  const runDir = join(dataDir, 'run')
  const note = join(runDir, 'owner.txt')
  makeDataFolder(dataDir, runDir)
  const lock = tryLock(join(dataDir, 'lock'))
  if (!lock) {
    let owner = ''
    try {
      owner = ` (${readFileSync(note, 'utf8')})`
    } catch {
      // It has taken the lock only just now.
    }
    throw new AlreadyRunning(`LFM is already running on ${dataDir}${owner}.`)
  }
  const who = `process ${process.pid}, since ${new Date().toLocaleString('sv')}`
  writeFileSync(note, who)
  return {
    runDir,
    tell: (more) => writeFileSync(note, `${who}, ${more}`),
    release() {
      rmSync(note, { force: true })
      lock.release()
    },
  }
}
