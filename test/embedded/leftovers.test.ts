// What an earlier start left running is stopped, and nothing else is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { forgetProcess, noteProcess, stopLeftovers } from '../../embedded/leftovers.ts'
import { temporaryFolder } from './folder.ts'

function sleeper(): { pid: number; ended: Promise<unknown[]> } {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
  onTestFinished(() => void child.kill('SIGKILL'))
  if (child.pid === undefined) throw new Error('The sleeper did not start.')
  return { pid: child.pid, ended: once(child, 'exit') }
}

const note = (pid: number) => ({ pid, command: process.execPath, stopSignal: 'SIGTERM' }) as const

test('a noted process is stopped, and its note goes', async () => {
  const runDir = temporaryFolder()
  const { pid, ended } = sleeper()
  noteProcess(runDir, 'worker', note(pid))
  expect(await stopLeftovers(runDir)).toEqual(['worker'])
  await ended
  expect(readdirSync(runDir)).toEqual([])
})

test('a process that was given the id of a noted one is left alone', async () => {
  const runDir = temporaryFolder()
  const { pid } = sleeper()
  noteProcess(runDir, 'worker', note(pid))
  const file = join(runDir, 'worker.pid.json')
  const noted = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...noted, startedAt: 'another time' }))

  expect(await stopLeftovers(runDir)).toEqual([])
  expect(process.kill(pid, 0)).toBe(true)
})

test('a process that runs another program than the noted one is left alone', async () => {
  const runDir = temporaryFolder()
  const { pid } = sleeper()
  noteProcess(runDir, 'worker', { ...note(pid), command: '/usr/bin/another-program' })
  expect(await stopLeftovers(runDir)).toEqual([])
  expect(process.kill(pid, 0)).toBe(true)
})

test('a torn note is thrown away', async () => {
  const runDir = temporaryFolder()
  writeFileSync(join(runDir, 'worker.pid.json'), '{"pid":')
  expect(await stopLeftovers(runDir)).toEqual([])
  expect(readdirSync(runDir)).toEqual([])
})

test("the note of a later process of the same name survives the earlier one's end", () => {
  const runDir = temporaryFolder()
  noteProcess(runDir, 'worker', note(process.pid))
  forgetProcess(runDir, 'worker', process.pid + 1)
  expect(readdirSync(runDir)).toEqual(['worker.pid.json'])
  forgetProcess(runDir, 'worker', process.pid)
  expect(readdirSync(runDir)).toEqual([])
})
