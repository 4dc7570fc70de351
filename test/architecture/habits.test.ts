// Habits that keep the project readable: no drawers, no barrels, a sentence on top of every file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, sourceFiles } from './source-files.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')

test('no file or folder is a drawer', () => {
  const drawers = sourceFiles.filter((file) =>
    /(^|\/)(utils?|helpers?|common|misc|lib|shared|types)(\/|\.ts$)/.test(file),
  )
  expect(drawers).toEqual([])
})

test('the only barrel is the front door of the workflow bundle', () => {
  const barrels = sourceFiles.filter((file) => /(^|\/)index\.ts$/.test(file))
  expect(barrels).toEqual(['workflows/index.ts'])
})

test('every file opens with a sentence that says what it is', () => {
  const silent = sourceFiles
    .filter((file) => file.includes('/') && !file.endsWith('.test.ts'))
    .filter((file) => !/^(#!.*\n)?(\/\/|\/\*\*?) ?\S/.test(read(file)))
  expect(silent).toEqual([])
})

test('no file of a room is longer than 300 lines', () => {
  const long = sourceFiles.filter(
    (file) => !file.startsWith('test/') && read(file).split('\n').length > 301,
  )
  expect(long).toEqual([])
})

test('the environment is read by config and by programs that hand it to their children', () => {
  const readers = sourceFiles.filter(
    (file) => /process\.env\b/.test(read(file)) && !/^(config|embedded|bench|test)\//.test(file),
  )
  // The simulator shares no code with other rooms, so it reads its own two settings.
  expect(readers).toEqual(['simulator/main.ts'])
})

test('all packages of Temporal have one exact version', () => {
  const { dependencies } = JSON.parse(read('package.json')) as {
    dependencies: Record<string, string>
  }
  const versions = Object.entries(dependencies)
    .filter(([name]) => name.startsWith('@temporalio/'))
    .map(([, version]) => version)
  expect(new Set(versions).size).toBe(1)
  expect(versions[0]).toMatch(/^\d+\.\d+\.\d+$/)
})

test('every activity that a workflow can name is made by a factory that the worker registers', () => {
  const worker = read('worker/worker.ts')
  const factories = sourceFiles
    .filter((file) => file.startsWith('activities/'))
    .flatMap((file) => [...read(file).matchAll(/export function (create\w+Activities)\(/g)])
    .map((match) => match[1] ?? '')
  expect(factories.length).toBeGreaterThan(3)
  expect(factories.filter((factory) => !worker.includes(`${factory}(`))).toEqual([])
})
