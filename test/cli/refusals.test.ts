// What lfm says, and its exit codes, where something is refused, typed wrongly or away.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../../embedded/ports.ts'
import { startApi, type TestApi } from '../api/support.ts'
import { lfm as run } from './support.ts'

let api: TestApi
let folder: string
beforeAll(async () => {
  api = await startApi()
  folder = await mkdtemp(join(tmpdir(), 'lfm-cli-'))
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const lfm = (args: string[], input = '') => run(api.url, args, { input })

describe('what goes wrong', () => {
  test('refusals are sentences with pointers, exit code 1', async () => {
    const refused = await lfm(
      ['content', 'create', '--name', 'Bad', '--messages', '-'],
      '[{"type":"text"},{"type":"nothing"}]',
    )
    expect(refused.code).toBe(1)
    expect(refused.stdout).toBe('')
    expect(refused.stderr).toMatch(/^Refused: /)
    expect(refused.stderr).toContain('/messages/1/type')
  })

  test('a single refusal has its pointer, and no sentence stands twice', async () => {
    const create = ['content', 'create', '--name', 'Bad', '--messages', '-']
    const content = await lfm(create, '[{"type":"text"}]')
    expect(content.stderr).toMatch(/^Refused: .+\n {2}\/messages\/0\/text\n$/)
    const sql = 'select user_id from nowhere'
    const segment = await lfm(['segment', 'create', '--name', 'Bad', '--sql', '-'], sql)
    expect(segment.stderr).toBe(
      'Refused: Table with name nowhere does not exist! (line 1, column 15)\n  /sql: unknown-table\n',
    )
  })

  test('messages that are no JSON are refused with the place', async () => {
    const create = ['content', 'create', '--name', 'Bad', '--messages', '-']
    const refused = await lfm(create, '[{"type":"text"},\n{"type":"text",}]')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^Standard input is not JSON: .+\(line 2 column 16\)\n$/)
    const token = await lfm(create, '[{"type":\ntext}]')
    expect(token.stderr).toMatch(/^Standard input is not JSON: .*'e'.*\n$/)
  })

  test('refusals are the problem document with --json', async () => {
    const refused = await lfm(['--json', 'delivery', 'show', 'x'])
    expect(refused.code).toBe(1)
    expect(refused.json()).toMatchObject({ type: '/problems/not-found', status: 404 })
  })

  test.each([
    [['frobnicate'], 'unknown command'],
    [['channel', 'create'], '--line-channel-id'],
    [['channel', 'create', '--line-channel-id', '1', '--name', 'x'], '--channel-secret-file'],
    [['campaign', 'start', 'x', '--again', '0'], 'whole number'],
    [['segment', 'preview', '--sql', '/does/not/exist'], 'ENOENT'],
    [['--api', 'nonsense', 'channel', 'list'], 'must be a URL'],
  ])('%j is a mistake in typing, exit code 2', async (args, word) => {
    const ran = await lfm(args)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(word)
  })

  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['campaign', 'start', 'x', '--again', '0'], 'whole number'],
    [['segment', 'preview', '--sql', '/does/not/exist'], 'ENOENT'],
  ])('%j is one problem document with --json', async (args, word) => {
    const ran = await lfm(['--json', ...args])
    expect(ran.code).toBe(2)
    expect(ran.json()).toEqual({
      type: '/problems/usage',
      title: 'Typed wrongly',
      detail: expect.stringContaining(word) as string,
    })
  })

  test('an API that is not there is named, exit code 3', async () => {
    const [port] = await freePorts(1)
    const url = `http://127.0.0.1:${port}`
    const ran = await run(url, ['channel', 'list'])
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain(`The API at ${url} can't be reached (ECONNREFUSED)`)
    expect(ran.stderr.trim().split('\n')).toHaveLength(1)
    const asJson = await run(url, ['channel', 'list', '--json'])
    expect(asJson.code).toBe(3)
    expect(asJson.json()).toMatchObject({
      type: '/problems/unreachable',
      detail: ran.stderr.trim(),
    })
  })

  test('a wrong token is refused, and none at all is a mistake in typing', async () => {
    const wrong = await run(api.url, ['channel', 'list'], {
      env: { LFM_API_TOKEN: 'x'.repeat(20) },
    })
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not let in') as string,
    })
    const none = await run(api.url, ['channel', 'list'], { env: { LFM_API_TOKEN: '' } })
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('LFM_API_TOKEN') as string,
    })
  })

  test('the token is found in the data folder', async () => {
    await writeFile(join(folder, 'api-token'), 'a-token-of-the-tests\n')
    const env = { LFM_API_TOKEN: '', LFM_DATA_DIR: folder }
    const ran = await run(api.url, ['channel', 'list'], { env })
    expect(ran.code).toBe(0)
  })
})
