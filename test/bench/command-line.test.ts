// What a person gets who gives a program options that it does not have, or asks it for help.
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

function run(program: string, ...options: string[]) {
  const env = { ...process.env, LFM_DATA_DIR: join(tmpdir(), 'lfm-never-made') }
  return spawnSync(process.execPath, [program, ...options], { encoding: 'utf8', env })
}

test.each([
  ['bench/demo.ts', '--nope'],
  ['bench/demo.ts', '--recipients'],
  ['bench/chaos.ts', '--nope'],
  ['bench/main.ts', '--nope'],
  ['worker/after-restore.ts', '--nope'],
])('%s %s is refused with the help, and without a stack', (program, option) => {
  const { status, stderr } = run(program, option)
  expect(status).not.toBe(0)
  expect(stderr).toContain(`'${option}`)
  expect(stderr).toContain('npm run ')
  expect(stderr).not.toMatch(/^ +at |node:internal/m)
})

test.each([['99999999999'], ['0'], ['many']])(
  'a demo of %s recipients is refused',
  (recipients) => {
    const { status, stderr } = run('bench/demo.ts', '--recipients', recipients)
    expect(status).toBe(2)
    expect(stderr).toMatch(/^--recipients must be a whole number from 1 to \d+\.\n$/)
  },
)

test('after-restore says what it does, and refuses an instant that is to come', () => {
  expect(run('worker/after-restore.ts', '--help')).toMatchObject({ status: 0, stderr: '' })
  const { status, stderr } = run('worker/after-restore.ts', '--backup-taken-at', '2999-01-01')
  expect(status).toBe(1)
  expect(stderr).toContain('is in the future')
})
