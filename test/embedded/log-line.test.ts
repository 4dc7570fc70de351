// What a person reads of the lines that the parts write.
import { expect, test } from 'vitest'
import { renderLogLine } from '../../embedded/log-line.ts'

const at = new Date(2026, 10, 22, 9, 8, 7)

test("pino's JSON becomes one line with its fields", () => {
  const line = JSON.stringify({
    level: 40,
    time: at.getTime(),
    pid: 1,
    hostname: 'laptop',
    msg: 'slow page',
    delivery: 'd1',
    tookMs: 1200,
    why: 'two words',
  })
  expect(renderLogLine('worker', line)).toBe(
    '09:08:07 worker     WARN slow page delivery=d1 tookMs=1200 why="two words"',
  )
})

test('an error shows its message and not its stack', () => {
  const line = JSON.stringify({
    level: 50,
    time: at.getTime(),
    msg: 'failed',
    err: { type: 'Error', message: 'no route', stack: 'Error: no route\n at x' },
  })
  expect(renderLogLine('api', line)).toBe('09:08:07 api        ERROR failed err="no route"')
})

test.each(['plain text', '{"not":"pino"}', '{torn', ''])('%j stays as it is', (text) => {
  expect(renderLogLine('temporal', text, at)).toBe(`09:08:07 temporal   ${text}`)
})
