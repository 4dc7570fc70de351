// A lock that dies with its process, even by kill -9: an exclusive transaction on an empty SQLite file.
import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

const sqliteBusy = 5

/**
 * Takes the lock, or says at once that another process has it. SQLite holds it by the operating system's own file
 * lock, so that nothing stale stays behind and no two starters can both believe that they took a stale one over.
 * @param file made where it does not exist; it stays empty.
 * @returns undefined where another process holds it.
 */
export function tryLock(file: string): Lock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // Without a journal file beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) {
      return undefined
    }
    throw error
  }
  const release = () => {
    process.off('exit', release)
    if (database.isOpen) database.close()
  }
  // Also keeps the database from the garbage collector, which would close it and so give the lock up.
  process.on('exit', release)
  return { release }
}
