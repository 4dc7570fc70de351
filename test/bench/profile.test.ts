import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readProfiles } from '../../bench/profile.ts'

const root = join(import.meta.dirname, '../..')
const node = (id: number, functionName: string, url = '', lineNumber = 0) => ({
  id,
  callFrame: { functionName, url, lineNumber },
})

function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'lfm-profile-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('the time between two samples is counted for the first, by room, package and function, without waiting', () => {
  const folder = aFolder()
  const profile = {
    startTime: 1_000_000,
    nodes: [
      node(1, '(idle)'),
      node(2, '(garbage collector)'),
      node(3, 'mergeSome', `file://${root}/activities/call-pieces.ts`, 9),
      node(4, 'onData', `file://${root}/node_modules/undici/lib/client.js`),
      node(6, 'writev'),
      node(5, 'late', 'node:net'),
    ],
    samples: [3, 4, 1, 2, 6, 5],
    timeDeltas: [0, 100_000, 300_000, 400_000, 50_000, 50_000],
  }
  writeFileSync(join(folder, 'CPU.20261125.101010.7.0.001.cpuprofile'), JSON.stringify(profile))
  writeFileSync(join(folder, 'CPU.20261125.101010.8.0.001.cpuprofile'), '{}')
  const within = { fromMicros: 1_000_000, toMicros: 1_870_000 }
  expect(readProfiles(folder, 7, within)).toEqual({
    busySeconds: 0.5,
    byPlace: { undici: 60, activities: 20, '(garbage collector)': 10, '(native)': 10 },
    byFunction: {
      'onData undici/lib/client.js:1': 60,
      'mergeSome activities/call-pieces.ts:10': 20,
      '(garbage collector)': 10,
      writev: 10,
    },
  })
})

test('a process that has left no profile is named', () => {
  const within = { fromMicros: 0, toMicros: 1 }
  expect(() => readProfiles(aFolder(), 7, within)).toThrow(/Process 7 has left no profile/)
})
