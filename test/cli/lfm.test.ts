// lfm over a real API: what it prints, and what its exit codes say.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyAccount } from '../../domain/outcome.ts'
import { lineChannelId, makeDelivery, startApi, type TestApi } from '../api/support.ts'
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

test('a campaign is made and started from nothing, with --json for a script', async () => {
  const messages = join(folder, 'messages.json')
  await writeFile(messages, JSON.stringify([{ type: 'text', text: 'Hello {{ name }}' }]))
  const id = lineChannelId()

  const channel = await lfm(
    [
      'channel',
      'create',
      '--line-channel-id',
      id,
      '--name',
      'Shop',
      '--channel-secret-file',
      '-',
      '--multicast',
      '100',
      '--json',
    ],
    'the-secret\n',
  )
  expect(channel).toMatchObject({ code: 0, stderr: '' })
  expect(channel.json()).toMatchObject({ callsPerSecond: { multicast: 100, push: 2000 } })
  expect(await api.store.channels.secretOf(channel.json().id)).toBe('the-secret')

  const content = await lfm([
    '--json',
    'content',
    'create',
    '--name',
    'Hello',
    '--messages',
    messages,
  ])
  expect(content.json()).toMatchObject({ variables: ['name'] })
  const segment = await lfm(
    ['--json', 'segment', 'create', '--name', 'All', '--sql', '-'],
    'select user_id, name from friends',
  )
  const campaign = await lfm([
    '--json',
    'campaign',
    'create',
    '--name',
    'Sale',
    '--channel',
    channel.json().id,
    '--content',
    content.json().id,
    '--segment',
    segment.json().id,
  ])
  const start = ['--json', 'campaign', 'start', campaign.json().id]
  const [first, second] = await Promise.all([lfm(start), lfm(start)])
  expect(first.json().id).toBe(second.json().id)
  const again = await lfm([...start, '--again', '1', '--by', 'Mia'])
  expect(again.json().startedBy).toBe('Mia')
  expect(again.json().occurrence).toBe('again/1')
  const listed = await lfm(['--json', 'delivery', 'list', '--campaign', campaign.json().id])
  expect(listed.json().items).toHaveLength(2)
})

test('a start that finds an ended delivery says so, and how to start again', async () => {
  const { id, campaign } = await makeDelivery(api)
  const going = await lfm(['campaign', 'start', campaign.id])
  expect(going.stdout).toContain(`Watch it: npm run lfm -- delivery watch ${id}`)
  await api.store.deliveries.end(id, 'failed before send', { account: null })
  const ended = await lfm(['campaign', 'start', campaign.id])
  expect(ended.stdout).not.toContain('Watch it')
  expect(ended.stdout).toContain('has ended already (failed before send)')
  expect(ended.stdout).toContain(`campaign start ${campaign.id} --again 1`)
  const other = await lfm(['--json', 'campaign', 'start', campaign.id, '--again', '1'])
  await api.store.deliveries.end(other.json().id, 'cancelled', { account: null })
  const again = await lfm(['campaign', 'start', campaign.id, '--again', '1'])
  expect(again.stdout).toContain(`campaign start ${campaign.id} --again 2`)
})

test('lists and things are shown to people as text', async () => {
  const { id, campaign } = await makeDelivery(api)
  const shown = await lfm(['delivery', 'show', id])
  expect(shown.code).toBe(0)
  expect(shown.stdout).toMatch(new RegExp(`id +${id}\ncampaign +${campaign.id}\n`))
  expect(shown.stdout).toMatch(/state +starting\n/)
  expect(shown.stdout).not.toMatch(/warehouse/)
  const took = { step: 'segment', bytesProcessed: 2.5e9, bytesBilled: 3e9, slotMs: 120_000 }
  for (const jobId of ['a', 'b', 'a']) await api.store.warehouseUsages.note(id, { jobId, ...took })
  expect((await lfm(['delivery', 'show', id])).stdout).toMatch(
    /warehouse +2 jobs, 5,000 MB processed, 6,000 MB billed, 4 min of slots\n/,
  )
  const told = await api.call('GET', `/deliveries/${id}`)
  expect(told.body).toMatchObject({ warehouseUsage: { jobs: 2, slotMs: 240_000 } })
  const commands = [
    ['channel', 'list'],
    ['channel', 'show', campaign.channelId],
    ['content', 'list'],
    ['content', 'show', campaign.contentId],
    ['segment', 'list'],
    ['segment', 'show', campaign.segmentId],
    ['campaign', 'list'],
    ['campaign', 'show', campaign.id],
    ['delivery', 'list'],
    ['delivery', 'history', id],
  ]
  const ran = await Promise.all(commands.map((command) => lfm(command)))
  for (const { code, stdout, stderr } of ran) {
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.length).toBeGreaterThan(20)
  }
})

test('a rate is set to 0', async () => {
  const { campaign } = await makeDelivery(api)
  const set = await lfm(['channel', 'rate', campaign.channelId, '--push', '0'])
  expect(set.stdout).toMatch(/push\/s +0\n/)
  const nothing = await lfm(['channel', 'rate', campaign.channelId])
  expect(nothing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--multicast') as string,
  })
})

test('an order is given with who and why, and needs the why', async () => {
  const { id } = await makeDelivery(api)
  const paused = await lfm(['delivery', 'pause', id, '--why', 'wrong price', '--by', 'Hanako'])
  expect(paused.stdout).toMatch(/state +paused by Hanako: wrong price\n/)
  const cancelled = await lfm(['--json', 'delivery', 'cancel', id, '--why', 'enough'])
  expect(cancelled.json()).toMatchObject({ temporal: 'told' })
  const history = await lfm(['--json', 'delivery', 'history', id])
  expect(history.json().items.at(-1)?.by).toMatch(/\w+/)
  const resumed = await lfm(['delivery', 'resume', id, '--why', 'again'])
  expect(resumed).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('was cancelled') as string,
  })
  const silent = await lfm(['delivery', 'pause', id])
  expect(silent).toMatchObject({ code: 2, stderr: expect.stringContaining('--why') as string })
})

test('who paused a delivery is not said to have interrupted it', async () => {
  const { id } = await makeDelivery(api)
  await lfm(['delivery', 'pause', id, '--why', 'wrong price', '--by', 'Hanako'])
  await api.store.deliveries.setInterrupted(id, true)
  const shown = await lfm(['delivery', 'show', id])
  expect(shown.stdout).toMatch(/state +interrupted \(paused by Hanako: wrong price\)\n/)
  await api.store.deliveries.end(id, 'failed before send', { account: null })
  const ended = await lfm(['delivery', 'show', id])
  expect(ended.stdout).toMatch(/state +failed before send\n/)
})

test('recipients are printed as CSV, or as one JSON document', async () => {
  const { id } = await makeDelivery(api)
  const early = await lfm(['delivery', 'recipients', id])
  expect(early).toMatchObject({ code: 1, stdout: '' })
  await api.store.deliveries.end(id, 'done', { account: emptyAccount })
  const csv = await lfm(['delivery', 'recipients', id])
  expect(csv.stdout.split('\n')).toHaveLength(5)
  const json = await lfm(['--json', 'delivery', 'recipients', id])
  expect(json.json().items).toHaveLength(3)
  const none = await lfm(['--json', 'delivery', 'recipients', id, '--outcome', 'skipped'])
  expect(none.json().items).toEqual([])
  const wrong = await lfm(['delivery', 'recipients', id, '--outcome', 'lost'])
  expect(wrong.code).toBe(2)
})

test('a list is uploaded from a file or from standard input, and what it lacks is told', async () => {
  const file = join(folder, 'list.csv')
  const id = (digit: string) => `U${digit.repeat(32)}`
  await writeFile(file, `user_id,name\n${id('a')},A\n${id('a')},B\nnobody,C\n`)
  const made = await lfm(['segment', 'upload', file, '--name', 'VIPs'])
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toMatch(/columns +user_id, name/)
  expect(made.stdout).toMatch(/valid +1\n.*duplicates +1\n.*rejected +1\n.*\n4 +no-user-id/)
  const plain = await lfm(['--json', 'segment', 'upload', '-', '--name', 'Bare'], `${id('b')}\n`)
  expect(plain.json()).toMatchObject({ valid: 1, segment: { name: 'Bare' } })
  const refused = await lfm(['segment', 'upload', '-', '--name', 'None'], 'nobody\n')
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toMatch(/must name the columns/)
  const missing = await lfm(['segment', 'upload', '/does/not/exist', '--name', 'None'])
  expect(missing.stderr).toMatch(/ENOENT/)
})

test('a segment is deleted with its list, and who needs the list is named', async () => {
  const made = await lfm(
    ['--json', 'segment', 'upload', '-', '--name', 'VIPs'],
    `U${'a'.repeat(32)}\n`,
  )
  const { segment, table } = JSON.parse(made.stdout) as { segment: { id: string }; table: string }
  const other = await lfm(
    ['--json', 'segment', 'create', '--name', 'Some', '--sql', '-'],
    `select user_id from ${table}`,
  )
  const refused = await lfm(['segment', 'delete', segment.id])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(`"Some" (${other.json().id}); change or delete them first`)
  for (const id of [other.json().id, segment.id, segment.id]) {
    const gone = await lfm(['segment', 'delete', id])
    expect(gone).toMatchObject({ code: 0, stderr: '' })
    expect(gone.stdout).toMatch(/\ndeleted +20/)
  }
  const help = await lfm(['segment', 'delete', '--help'])
  expect(help).toMatchObject({ code: 0 })
  expect(help.stdout).toMatch(/can't be brought back.*\n.*Example/s)
})

test('--help tells of every command, exit code 0', async () => {
  const help = await lfm(['--help'])
  expect(help.code).toBe(0)
  for (const word of [
    'channel',
    'content',
    'segment',
    'campaign',
    'delivery',
    '--json',
    'Exit codes',
  ]) {
    expect(help.stdout).toContain(word)
  }
})
