// What a delivery was made from changes while it is paused: it goes on with the plan and the text that it began with.
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectDiscreet } from './discretion.ts'
import { friends, type RunningSystem, type Started, startSystem } from './running-system.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ friends: 20_000 })
})
afterAll(() => system[Symbol.asyncDispose]())

/** 40 multicast calls in 8 s. */
const slowDelivery = { sql: friends(20_000), text: 'The first text', rate: { multicast: 5 } }
const everybody = { planned: 20_000, accepted: 20_000 }
const who = { by: 'Mio', why: 'over night' }

function order(operation: 'pause' | 'resume', { id }: Started) {
  return system.client.call(`${operation}Delivery`, { params: { id }, body: who })
}

async function deliverUntilPaused(): Promise<Started> {
  const delivery = await system.deliver(slowDelivery)
  await system.simulator.untilCalls(delivery.unit, 8)
  await order('pause', delivery)
  return delivery
}

/** Asks the simulator about a channel of LINE's. */
async function tellLine(path: string, body: object): Promise<void> {
  const res = await fetch(`${system.embedded.addresses.line}/_sim/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  if (!res.ok) throw new Error(`The simulator refuses ${path}: ${res.status} ${await res.text()}`)
}

test('a delivery whose channel secret was changed at LINE pauses with the reason, and goes on when LFM knows the new one', async () => {
  const delivery = await deliverUntilPaused()
  const params = { id: delivery.channelId }
  const { lineChannelId } = await system.client.call('getChannel', { params })
  const channelSecret = crypto.randomUUID().replaceAll('-', '')
  system.channelSecrets.push(channelSecret)
  await tellLine('channels', { channelId: lineChannelId, channelSecret })
  await tellLine('tokens/revoke', { channelId: lineChannelId })

  await order('resume', delivery)
  const paused = await system.until(delivery.id, ({ gate }) => gate.position === 'paused')
  expect(paused.gate.by).toBe('LFM')
  expect(paused.gate.why).toMatch(/LINE refuses|token|secret/i)

  await system.client.call('updateChannel', { params, body: { channelSecret } })
  await order('resume', delivery)
  expect(await system.expectExact(delivery, everybody)).toMatchObject({ state: 'done' })
})

test('a plan stays as it is when its tables, its segment and its content are changed while it is paused', async () => {
  const delivery = await deliverUntilPaused()
  const { client, embedded } = system

  // Half of the friends unfollow, and one is new.
  const table = join(embedded.dataDir, 'tables', 'friends', 'sample.parquet')
  const instance = await DuckDBInstance.create(':memory:')
  const db = await instance.connect()
  await db.run(`CREATE TABLE friends AS SELECT * FROM read_parquet('${table}') USING SAMPLE 50 %`)
  await db.run(`INSERT INTO friends (user_id, name) VALUES ('U${'0'.repeat(32)}', 'Friend 1')`)
  await db.run(`COPY friends TO '${table}' (FORMAT parquet)`)
  db.closeSync()

  const { contentId, segmentId } = await client.call('getCampaign', {
    params: { id: delivery.campaignId },
  })
  const messages = [{ type: 'text', text: 'Another text' }]
  await client.call('reviseContent', { params: { id: contentId }, body: { name: 'B', messages } })
  const sql = 'SELECT user_id FROM friends LIMIT 1'
  await client.call('updateSegment', { params: { id: segmentId }, body: { name: 'B', sql } })

  await order('resume', delivery)
  expect(await system.expectExact(delivery, everybody)).toMatchObject({ state: 'done' })
  const [someone = ''] = await system.recipients(delivery.id, 'accepted')
  const shown = await fetch(
    `${embedded.addresses.line}/_sim/received?user=${someone.split(',')[0]}`,
  )
  const texts = JSON.stringify(await shown.json())
  expect(texts).toContain('The first text')
  expect(texts).not.toContain('Another text')
})

test('no log line of all this names a user, a secret or a text', () => {
  expectDiscreet(system.logs, system, ['The first text', 'Another text', who.why])
})
