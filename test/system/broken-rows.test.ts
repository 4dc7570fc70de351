// Rows that break the template, in numbers; values that look like code; files of the warehouse that go away.
import { readdir, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { expectDiscreet } from './discretion.ts'
import { friendId, friends, type RunningSystem, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 20_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

const resume = (id: string) =>
  system.client.call('resumeDelivery', { params: { id }, body: { why: 'known, and accepted' } })

test('a delivery with too many broken rows pauses with the reasons, and resumed the rest is exact', async () => {
  // A quarter has no title.
  const title = `CASE WHEN TRY_CAST(substr(name, 8) AS INTEGER) % 4 = 0 THEN NULL ELSE name END`
  const delivery = await system.deliver({
    sql: friends(3_000, `user_id, ${title} AS title`),
    text: '{{ title }}',
    rate: { multicast: 5, push: 400 },
  })
  const paused = await system.until(delivery.id, ({ state }) => state === 'paused')
  expect(paused.gate).toMatchObject({ by: 'LFM', position: 'paused' })
  expect(paused.gate.why).toMatch(
    /^[\d,]+ of 3,000 recipients \([\d.]+ %\) can't be reached; the campaign pauses above 10 %\. Most often: [\d,]+ skipped: At \/0\/text: .*\. Resume to go on without them/,
  )
  expect(paused.progress.accepted).toBeLessThan(2_250)
  // It may ask once more, at twice as many.
  for (let seen = paused; seen.state === 'paused';) {
    await resume(delivery.id)
    seen = await system.until(
      delivery.id,
      ({ state, endedAt }) => state === 'paused' || endedAt !== null,
    )
  }
  const { state } = await system.expectExact(delivery, {
    planned: 3_000,
    accepted: 2_250,
    skipped: 750,
  })
  expect(state).toBe('done with failures')
  const { items } = await system.client.call('getDeliveryHistory', { params: { id: delivery.id } })
  expect(items.filter(({ kind }) => kind === 'paused').length).toBeLessThanOrEqual(2)
})

test('values with quotes, braces, Liquid and emoji arrive as they are', async () => {
  const values = [`"'\\`, '{{ now }}', '{% raw %}', '{"a": [1]}', '👨‍👩‍👧 🇯🇵', '</script>\n']
  const cases = values.map((value, n) => `WHEN ${n} THEN '${value.replaceAll("'", "''")}'`)
  const delivery = await system.deliver({
    sql: friends(
      values.length,
      `user_id, CASE TRY_CAST(substr(name, 8) AS INTEGER) ${cases.join(' ')} END AS title`,
    ),
    text: '<{{ title }}>',
  })
  await system.expectExact(delivery, { planned: values.length, accepted: values.length })
  for (const [n, value] of values.entries()) {
    const address = `${system.embedded.addresses.line}/_sim/received?user=${friendId(n)}`
    const received = (await (await fetch(address)).json()) as { unit: string; messages: unknown }[]
    const ours = received.filter(({ unit }) => unit === delivery.unit)
    expect(ours.map(({ messages }) => messages)).toEqual([[{ type: 'text', text: `<${value}>` }]])
  }
})

/** A folder of the warehouse that is the delivery's. */
const folderOf = (kind: 'plans' | 'parts', id: string) =>
  join(system.embedded.dataDir, 'warehouse', kind, id)

test('a plan that is away for a while is waited for, and nobody is lost or doubled for it', async () => {
  const delivery = await system.deliver({
    sql: friends(20_000),
    text: 'Hello',
    // Two batches, of which the second is begun some eight seconds after the first.
    rate: { multicast: 2 },
  })
  await system.simulator.untilCalls(delivery.unit, 1)
  const folder = folderOf('plans', delivery.id)
  await rename(folder, `${folder}-away`)
  // Batches under way have read their requests; the next ones find none, and say so.
  await vi.waitUntil(() => system.logs.some((line) => line.includes('does not hold exactly')), {
    timeout: 100_000,
  })
  await rename(`${folder}-away`, folder)
  const params = { id: delivery.channelId }
  await system.client.call('setChannelRate', { params, body: { multicast: 50 } })
  await system.expectExact(delivery, { planned: 20_000, accepted: 20_000 })
})

/** The part of the multicast lane, as soon as it is there. */
function multicastPart(folder: string): Promise<string> {
  return vi.waitUntil(
    async () => {
      const entries = await readdir(folder).catch(() => [])
      return entries.find((entry) => entry.startsWith('multicast-'))
    },
    { timeout: 100_000, interval: 20 },
  )
}

test('a part that was deleted and one that was cut short are made again from the ledger', async () => {
  // Two lanes and so two pages; the push lane is held back until the parts of the other one are broken.
  const title = `CASE WHEN TRY_CAST(substr(name, 8) AS INTEGER) < 150 THEN name ELSE 'friend' END`
  const delivery = await system.deliver({
    sql: friends(10_000, `user_id, ${title} AS title`),
    text: 'Hello {{ title }}',
    rate: { push: 20 },
  })
  const parts = folderOf('parts', delivery.id)
  await truncate(join(parts, await multicastPart(parts)), 100)
  const { state } = await system.expectExact(delivery, { planned: 10_000, accepted: 10_000 })
  expect(state).toBe('done')

  const second = await system.deliver({
    sql: friends(10_000, `user_id, ${title} AS title`),
    text: 'Hello {{ title }}',
    rate: { push: 20 },
  })
  const others = folderOf('parts', second.id)
  // The file alone: without its folder, who has just placed it could not say so, and would write it once more.
  await rm(join(others, await multicastPart(others)))
  await system.expectExact(second, { planned: 10_000, accepted: 10_000 })
  // A line of the log may come after the end that it led to.
  const made = () => system.logs.filter((line) => line.includes('made again from the ledger'))
  await expect.poll(made, { timeout: 10_000 }).toHaveLength(2)
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['Hello'])
})
