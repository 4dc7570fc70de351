// The lock of a data folder.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tryLock } from '../../embedded/lock.ts'
import { temporaryFolder } from './folder.ts'

test('a second taker is refused until the first gives the lock free', () => {
  const file = join(temporaryFolder(), 'lock')
  const first = tryLock(file)
  expect(first).toBeDefined()
  expect(tryLock(file)).toBeUndefined()
  first?.release()
  const second = tryLock(file)
  expect(second).toBeDefined()
  second?.release()
})

test('a lock is gone with a process that is killed', async () => {
  const file = join(temporaryFolder(), 'lock')
  const source = new URL('../../embedded/lock.ts', import.meta.url).href
  const script = `
    const { tryLock } = await import(${JSON.stringify(source)})
    if (tryLock(${JSON.stringify(file)})) console.log('held')
    setInterval(() => undefined, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script])
  await once(holder.stdout, 'data')
  expect(tryLock(file)).toBeUndefined()

  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const lock = tryLock(file)
  expect(lock).toBeDefined()
  lock?.release()
})
